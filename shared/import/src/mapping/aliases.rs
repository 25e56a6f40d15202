//! Known column names: from HighLevel, other CRMs, shops, address books and mailing lists, in several languages. All
//! are lower-case letters and digits only, separated by blanks.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Field;

/// Ends of names that tell several addresses apart: `City - Home`, `Rue (bureau)`.
pub(super) const SUFFIXES: &[&str] = &[
    "business",
    "home",
    "other",
    "mailing",
    "billing",
    "shipping",
    "work",
    "primary",
    "geschäftlich",
    "geschaeftlich",
    "privat",
    "weitere",
    "bureau",
    "domicile",
    "professionnel",
    "personnel",
    "trabajo",
    "particular",
    "ufficio",
    "abitazione",
    "zakelijk",
    "privé",
    "thuis",
    "werk",
    "trabalho",
    "celular",
    "residencial",
    "comercial",
    "adressepostale",
];

/// Meaning of a column name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alias {
    /// A field of a contact.
    Field(Field),
    /// A further value of a field, used if the other columns are empty.
    Further(Field),
    /// Known, but contacts have no field for it. Not checked for e-mail addresses and phone numbers.
    NoPlace,
}

/// The meaning of a key. A prefix for the kind of record (`Person - Email`, `lead_email`) does not matter.
pub(crate) fn of(key: &str) -> Option<Alias> {
    if let Some(alias) = EXACT.get(key) {
        return Some(*alias);
    }
    // `E-mail 1 - Label` tells the kind of address; contacts have no field for it.
    let is_kind =
        key.chars().any(|c| c.is_ascii_digit()) && ["label", "type", "formatted"].iter().any(|end| key.ends_with(end));
    if is_kind {
        return Some(Alias::NoPlace);
    }
    without_prefix(key).or_else(|| without_suffix(key)).or_else(|| numbered(key))
}

/// Matches `City - Home`, `Straße geschäftlich`: a part of an address, or a way to reach somebody.
fn without_suffix(key: &str) -> Option<Alias> {
    let rest = SUFFIXES.iter().filter_map(|suffix| key.strip_suffix(suffix));
    let alias = rest.into_iter().find_map(|rest| EXACT.get(rest).copied())?;
    match alias {
        Alias::Field(field) | Alias::Further(field)
            if field.is_of_address() || matches!(field, Field::Email | Field::Phone | Field::Website) =>
        {
            Some(alias)
        }
        _ => None,
    }
}

fn without_prefix(key: &str) -> Option<Alias> {
    // `Contact by` asks how to contact; `by` (Scandinavian for town) counts only on its own.
    let rest = PREFIXES.split(' ').filter_map(|prefix| key.strip_prefix(prefix)).filter(|rest| *rest != "by");
    rest.into_iter()
        .find_map(|rest| EXACT.get(rest).copied().or_else(|| without_suffix(rest)).or_else(|| numbered(rest)))
}

/// Matches `email2`, `phone3value`, `streetaddress2`: a further value, or the second line of an address.
fn numbered(key: &str) -> Option<Alias> {
    let digits: String = key.chars().filter(char::is_ascii_digit).collect();
    let number: u32 = digits.parse().ok().filter(|number| (1..=20).contains(number))?;
    let rest: String = key.chars().filter(|c| !c.is_ascii_digit()).collect();
    let rest = VALUES.iter().find_map(|value| rest.strip_suffix(value)).unwrap_or(&rest);
    let alias = EXACT.get(rest).copied().or_else(|| without_prefix(rest)).or_else(|| without_suffix(rest))?;
    match alias {
        Alias::Field(Field::Address) if number > 1 && key.ends_with(|c: char| c.is_ascii_digit()) => {
            Some(Alias::Field(Field::AddressLine2))
        }
        Alias::Field(field) if number > 1 && !field.is_of_address() => Some(Alias::Further(field)),
        alias => Some(alias),
    }
}

/// Google's word for a value.
const VALUES: &[&str] = &["value", "wert", "valeur", "valor", "valore", "waarde"];

const PREFIXES: &str = "person contact lead customer client subscriber member primary main your guest patient student attendee \
    billing shipping mailing business work home other defaultaddress default address1 address2 address3 \
    organization1 properties fields data buyer recipient personal permanent private office participant donor \
    owner1 invitee registrant applicant candidate delegate tenant \
    pessoa persona personne contacto contato contatto kontakt standardadresse postanschrift adresse1 andyour \
    whatsyour whatisyour";

static EXACT: LazyLock<HashMap<&'static str, Alias>> = LazyLock::new(|| {
    let fields = FIELDS.iter().flat_map(|(field, names)| names.split(' ').map(|name| (name, Alias::Field(*field))));
    let further = FURTHER.iter().flat_map(|(field, names)| names.split(' ').map(|name| (name, Alias::Further(*field))));
    let none = NO_PLACE.split(' ').map(|name| (name, Alias::NoPlace));
    fields.chain(further).chain(none).collect()
});

const FIELDS: &[(Field, &str)] = &[
    (
        Field::FirstName,
        "firstname first fname givennames forenames firstnames namefirstname namefirst christianname vornamen prénoms prenoms nombredepila givenname forename prenom prénom vorname nombre nombres nome primeironome \
         voornaam imie imię имя fornavn förnamn etunimi jméno jmeno keresztnév ad adı 名 名字 isim \
         utónév όνομα prenume іmя імя имяклиента שםפרטי الاسمالأول ชือ tên fornavnogmellomnavn vārds \
         vardas eesnimi ime",
    ),
    (
        Field::LastName,
        "lastname last lname lastnames surnames namelastname namelast zuname surname familyname nom nomdefamille nachname familienname apellido apellidos primerapellido apellidopaterno \
         cognome primersobrenome sobrenome apelido achternaam nazwisko фамилия etternavn efternavn efternamn sukunimi příjmení \
         prijmeni vezetéknév soyad soyadı 姓 姓氏 \
         családnév επώνυμο επίθετο прізвище שםמשפחה اسمالعائلة اللقب นามสกุล họ priezvisko prezime \
         perekonnanimi pavardė uzvārds фамилияклиента",
    ),
    (
        Field::LastNamePrefix,
        "tussenvoegsel tussenvoegsels voorvoegsel voorvoegsels lastnameprefix surnameprefix infix namenszusatz \
         namensvorsatz vorsatzwort",
    ),
    (
        Field::SecondLastName,
        "segundoapellido apellidomaterno secondlastname secondsurname segundosobrenome maternallastname",
    ),
    (
        Field::Name,
        "name fullname contactname vorundnachname vorundzuname vornamenachname nachnamevorname nometprénom nometprenom prénometnom prenometnom nombreyapellido nombreyapellidos apellidosynombre apellidosynombres nomeecognome cognomeenome nomeesobrenome voornaamenachternaam naamenvoornaam imięinazwisko imieinazwisko nazwiskoiimię förochefternamn forogefternavn yourfullname displayname contact customername clientname leadname nomcomplet \
         nombrecompleto nomecompleto vollständigername ansprechpartner volledigenaam naam фио имяифамилия 氏名 姓名 \
         お名前 fileas whatsyourname whatisyourname yourname navn namn contactperson kontaktperson personalname \
         contactfullname fullnames \
         teljesnév név nume ονοματεπώνυμο імяпрізвище піб שם שםמלא الاسم الاسمالكامل 이름 성명 성함 họtên họvàtên \
         nama namalengkap ชือนามสกุล 客户姓名 联系人 联系人姓名 担当者名 meno numecomplet numeșiprenume numesiprenume \
         nimi",
    ),
    (
        Field::Email,
        "email emailaddress mail mailaddress emailid workemail homeemail personalemail businessemail \
         primaryemail emailadresse emailadress adressemail adresseemail courriel adresseelectronique \
         adresseélectronique mel correo correoelectronico correoelectrónico emailaddresse indirizzoemail \
         postaelettronica enderecodeemail endereçodeemail emailadres adresemail почта электроннаяпочта емейл \
         имейл epost epostadress epostadresse sähköposti eposta メールアドレス メール 邮箱 电子邮件 whatsyouremail \
         whatsyouremailaddress whatisyouremail whatisyouremailaddress emailwork emailhome emailother \
         emailprimary emailaddresswork emailprivat emailgeschäftlich emailgeschaeftlich emailberuflich loginemail emaillogin subscriberemail paypalemail \
         correioeletrónico correioeletrônico correioeletronico adressedemessagerie direccióndecorreoelectrónico direcciondecorreoelectronico direccióndecorreo \
         direcciondecorreo endereçodecorreioeletrónico \
         emailcím emailcim sähköpostiosoite ηλεκτρονικόταχυδρομείο ιμέιλ 이메일 이메일주소 메일 메일주소 电子邮箱 邮箱地址 电邮 \
         電郵 電子郵件 電子郵件地址 البريدالإلكتروني البريدالالكتروني بريدإلكتروني الإيميل ايميل דואל אימייל \
         דואראלקטרוני כתובתאימייל כתובתמייל электронныйадрес адресэлектроннойпочты електроннапошта \
         елпошта електроннаадреса อีเมล địachỉemail thưđiệntử alamatemail surel emailová emailováadresa \
         emailadresa adresadeemail adresăemail adresădeemail имейладрес epostiaadress elpaštas epasts \
         elektroninispaštas epostaadresi netfang",
    ),
    (
        Field::Phone,
        "phone phonenumber primaryphone nationalnumber iphone mobile mobilephone mobilenumber mobilephonenumber mobileno phoneno cell \
         cellphone cellnumber cellphonenumber tel telno telephone telephonenumber workphone workphonenumber \
         businessphone homephone homephonenumber personalphone contactnumber contactphone phonemobile phonework \
         phonehome phoneother phonewithcountrycode mobilewithcountrycode directphone telefon telefonnummer handy \
         handynummer mobiltelefon mobil mobilnummer rufnummer festnetz téléphone numérodetéléphone \
         numerodetelephone portable téléphonemobile téléphoneportable teléfono telefono móvil movil celular \
         teléfonomóvil telefonomovil numerodetelefono númerodeteléfono cellulare telefone telemovel telemóvel \
         telefoon telefoonnummer mobiel numertelefonu komórka телефон номертелефона мобильный мобильныйтелефон \
         puhelin 電話番号 電話 电话 手机 手机号 whatsapp whatsappnumber sms smsphonenumber smsnumber phonevalue \
         telefonprivat telefongeschäftlich telefongeschaeftlich telefonberuflich telefonmobil telefonfestnetz \
         telefonarbeit téléphonefixe telefonofijo teléfonofijo telefonofisso telefonocellulare telefoonmobiel \
         telefonkomórkowy whatsyourphonenumber whatisyourphonenumber dayphone eveningphone landline \
         télfixe télportable télmobile telfixe telportable telmobile telmobil telprivat telgeschäftlich telfixo telfijo \
         telfisso telvast telmovil telmóvil telkomórkowy mobiltelefonnummer textremindernumber \
         whatsappphonenumber whatsappphone celularwhatsapp whatsthebestnumbertoreachyou bestphone bestnumber \
         telefonszám telefonszam mobiltelefonszám mobiltelefonszam mobilszám mobilszam puhelinnumero \
         matkapuhelin matkapuhelinnumero gsm gsmnumber gsmnummer gsmno κινητό κινητότηλέφωνο τηλέφωνο \
         σταθερό 전화 전화번호 휴대폰 휴대폰번호 핸드폰 핸드폰번호 휴대전화 연락처 手机号码 手机號碼 電話號碼 联系电话 联系方式 行動電話 手機 手機號碼 携帯電話 携帯番号 \
         携帯電話番号 携帯 الهاتف رقمالهاتف الجوال رقمالجوال الموبايل رقمالموبايل טלפון טלפוןנייד נייד מספרטלפון \
         פלאפון мобільний мобільнийтелефон номертелефону сотовый โทรศัพท โทรศัพทมือถือ เบอรโทร \
         เบอรโทรศัพท sốđiệnthoại điệnthoại sđt dienthoai nohp nomorhp nohandphone nomortelepon \
         nomorhandphone telepon mobilnr mobiltelefonnr telefonnr mobilos telefónnečíslo mobilnítelefon \
         telefonníčíslo telefónnečislo telefonskaštevilka telefonskabroj brojtelefona mobitel \
         telefonunumarası telefonnumarası ceptelefonu telefonas tālrunis",
    ),
    (
        Field::Company,
        "companybusinessname businessname companyname company business organisation organization \
         organisationname organizationname account accountname associatedcompany customeraccount employer firma \
         firmenname unternehmen société societe entreprise empresa compañía azienda società bedrijf bedrijfsnaam \
         компания организация företag firmanavn yritys 会社名 会社 公司 org personorganization addresscompany \
         ragionesociale razónsocial razonsocial razaosocial razãosocial raisonsociale nazwafirmy denominazione nomedaempresa \
         nombredelaempresa nomdelentreprise namedesunternehmens unternehmensname nomdelasociété nomducompte organização \
         organizacao organización organizacion kontoname \
         cégnév cég εταιρεία επωνυμία компанія підприємство 회사 회사명 公司名称 公司名稱 الشركة اسمالشركة חברה \
         שםחברה côngty perusahaan namaperusahaan şirket şirketadı spoločnosť společnost companie firmă \
         yritysnimi บริษัท",
    ),
    (
        Field::Address,
        "addressstreetaddress strassehausnr straßehausnr strassenr straßenr streetaddress addressstreetaddressline address addressline street mailingstreet businessstreet homestreet \
         otherstreet businessaddress homeaddress mailingaddress addressstreet postaladdress adresse strasse \
         straße anschrift rue direccion dirección calle domicilio indirizzo via endereco endereço rua adres \
         straat straatnaam ulica адрес улица adress gatuadress osoite 住所 地址 strasseundhausnummer \
         straßeundhausnummer strassehausnummer straßehausnummer streetname addressaddress streetaddressline \
         streetline addr adresszeile straßenname strassenname voie nomdelavoie nombredelacalle nombrecalle viapiazza ulice utca sokak \
         calleynúmero calleynumero rueetnuméro ruaenúmero ruaenumero logradouro morada ruaavenida adreslijn nazwaulicy ulicaaddress \
         cím lakcím διεύθυνση οδός адреса 주소 地址行 العنوان כתובת รทีอยู địachỉ alamat katuosoite \
         lähiosoite adresă stradă stradaşinumăr",
    ),
    (
        Field::HouseNumber,
        "housenumber houseno housenr housenum streetnumber streetno streetnr buildingnumber buildingno addressnumber \
         addresshousenumber housenumberaddition housenumbersuffix hausnummer hausnr hnr hausnummerzusatz strassennummer \
         straßennummer huisnummer huisnr huisnummertoevoeging toevoeging numérodevoie numerodevoie numérodelavoie \
         numérovoie numérorue numéroderue numerocivico civico ncivico nrcivico númerocivico numeroexterior \
         númeroexterior noexterior numext númerodelacalle numerodecasa númerodecasa númerodaporta numerodaporta \
         nrdomu numerdomu nrbudynku numerbudynku дом номердома husnummer husnr",
    ),
    (
        Field::AddressLine2,
        "addressextendedaddress extendedaddress apartment apt suite unit aptsuite adresszusatz complementadresse complément complement \
         complémentadresse complementdadresse complémentdadresse interior complemento addresslinetwo \
         secondaddressline addresscomplement careof floor flat etage étage stockwerk building bâtiment gebäude \
         unitnumber unitno unitapt aptunit suiteunit aptnumber aptno apartmentnumber apartmentno suitenumber suiteno \
         flatnumber flatno nrlokalu nrmieszkania numerlokalu numermieszkania lokal mieszkanie piso puerta escalera \
         andar bloco numerointerior númerointerior nointerior numint complementodedireccion complementodirección \
         complementodireccion complementodedirección complementoendereço complementodoendereço addresspobox pobox \
         postfach casillapostal boîtepostale квартира корпус streetaddressapt addressapt",
    ),
    (
        Field::City,
        "city town citytown towncity suburb locality mailingcity businesscity homecity othercity addresscity \
         stadt ort wohnort población poblacion ville ciudad localidad città citta comune cidade plaats woonplaats miasto miejscowość localidade município municipio sehir şehir město obec \
         город stad by postort kaupunki 市区町村 城市 \
         település város helység πόλη місто населенийпункт 도시 시 المدينة עיר ישוב จังหวัด thànhphố kota \
         localitate oraș oras postitoimipaikka poststed bynavn grad mesto pilsēta miestas",
    ),
    (
        Field::State,
        "state province stateprovince addressstateprovince addressstateregion stateregion provincestate region stateprovincecode statecode provincecode \
         addressregion addressstate mailingstate businessstate homestate otherstate mailingstateprovince \
         bundesland kanton région departement département provincia estado regione provincie województwo область \
         регион 都道府県 省 bundeslandregion administrativearea uf estadoprovincia provinciaestado régionétat",
    ),
    (
        Field::PostalCode,
        "postalcode zip zippostal addresspostalzipcode addresszippostalcode addresspostalzip postalzip zipcode postcode zippostalcode postalzipcode postalcodezip zippostcode \
         mailingzippostalcode mailingzip businesspostalcode homepostalcode otherpostalcode addresspostalcode \
         addresszip pincode pin plz postleitzahl codepostal cp códigopostal codigopostal cap cep codicepostale \
         kodpocztowy индекс postnummer postnr postinumero 郵便番号 邮编 psč \
         irányítószám iranyitoszam τκ ταχυδρομικόςκώδικας поштовийіндекс індекс 우편번호 邮政编码 邮政编码zip 郵遞區號 \
         الرمزالبريدي מיקוד รหัสไปรษณีย mãbưuđiện kodepos codpoștal codpostal codpoştal irsz postakodu \
         poštanskibroj poštovnísměrovacíčíslo",
    ),
    (
        Field::Country,
        "country countrycode countryregion countryname mailingcountry businesscountry addresscountry homecountry \
         businesscountryregion homecountryregion othercountryregion addresscountrycode cc land pays país pais \
         paese nazione kraj страна maa 国 国家 ülke stát landregion paysrégion paísregión paisregion paeseregione \
         ország χώρα країна 국가 나라 الدولة البلد מדינה ประเทศ quốcgia negara țară tara krajina država \
         valsts šalis",
    ),
    (
        Field::Website,
        "website websiteurl web webpage url homepage site websitevalue companywebsite webseite internetseite \
         siteweb sitioweb paginaweb páginaweb sitoweb сайт webbplats webadresse personalwebpage domain \
         companydomainname",
    ),
    (Field::Timezone, "timezone tz zeitzone fuseauhoraire zonahoraria fusoorario"),
    (Field::Gender, "gender sex geschlecht sexe sexo genere género пол kön"),
    (Field::Source, "source contactsource leadsource originalsource quelle origine fuente origen herkunft источник"),
    (
        Field::DateOfBirth,
        "dateofbirth dob birthday birthdate bday birthdatedob geburtsdatum geburtstag datedenaissance \
         fechadenacimiento fechanacimiento datadinascita datadenascimento geboortedatum dataurodzenia \
         датарождения деньрождения födelsedatum fødselsdato 生年月日 出生日期 birth doby fechanac fechadenac fnacimiento datanasc datadenasc doğumtarihi datumnarození syntymäaika születésidátum gebdatum geburtsdat néle néele datenaissance dataur \
         szüldátum szulido születésiidő ημερομηνίαγέννησης датанародження деньнародження 생일 생년월일 出生年月 生日 \
         تاريخالميلاد תאריךלידה วันเกิด ngàysinh tanggallahir tgllahir datanașterii datanasterii \
         dátumnarodenia fødselsdag datumrođenja rojstnidatum",
    ),
    (
        Field::Tags,
        "tags tag labels label groupmembership groups categories schlagworte schlagwörter étiquettes etiquettes \
         etiquetas tagsadded метки теги kategorien contacttags taglist tagnames \
         címkék ετικέτες 태그 标签 標籤 الوسوم תגיות thẻ oznake štítky avainsanat",
    ),
];

const FURTHER: &[(Field, &str)] = &[
    (Field::Address, "fulladdress completeaddress"),
    (
        Field::Country,
        "dialcode dialingcode diallingcode phonecountrycode countrydialcode countrydialingcode ländervorwahl landesvorwahl \
         indicatifpays indicatifdupays ddi isdcode callingcode countrycallingcode mobilecountrycode",
    ),
    (
        Field::Email,
        "additionalemail additionalemails altemail alternateemails secondaryemail otheremail alternateemail alternativeemail \
         emailsecondary secondemail emailalternate backupemail otheremails emails emailaddresses",
    ),
    (
        Field::Phone,
        "additionalphone additionalphones additionalphonenumber additionalphonenumbers secondaryphone \
         alternatephone altphone otherphone secondphone phonesecondary carphone companymainphone primarycontactphone \
         alternativephone phones phonenumbers defaultaddressphone addressphone otherphones radiophone",
    ),
];

/// Names that contacts have no field for. Their values are reported as not used.
const NO_PLACE: &str = "middlename middle mname middleinitial mi salutation prefix suffix nameprefix namesuffix nickname maidenname \
    initials phoneticfirstname phoneticmiddlename phoneticlastname additionalname title jobtitle position role \
    department organizationtitle organizationdepartment profession occupation anrede titel civilité fax \
    faxnumber homefax businessfax otherfax workfax telefax faxno pager telex isdn callback ttytddphone assistant \
    assistantname assistantsname assistantphone assistantsphone asstphone assistantsphonenumber manager \
    managersname spouse children owner contactowner leadowner accountowner owneremail contactowneremail \
    leadowneremail ownername assignedto assigned assigneduser salesrep createdby createdbyid createdbyemail \
    modifiedby lastmodifiedby lastmodifiedbyemail createdbyuser updatedby recordowner id contactid recordid \
    leadid personid customerid leid euid uuid guid externalid memberid created createdat createddate createdtime \
    createdon datecreated dateadded added updated updatedat modified lastmodified lastmodifieddate modifiedtime \
    lastactivity lastactivitydate lastchanged lastcontacted connectedon submittedat startdate submitdate \
    submissiondate timestamp optinip confirmip confirmtime latitude longitude lat lng lon gmtoff dstoff \
    memberrating addressstring addressformatted formattedaddress adid adname \
    adsetid adsetname campaignid campaignname formid formname isorganic platform networkid totalspent \
    totalorders taxexempt photo directoryserver county ipaddress ip";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_two_things() {
        let mut seen = HashMap::new();
        for (field, names) in FIELDS.iter().chain(FURTHER) {
            for name in names.split(' ') {
                let other = seen.insert(name, *field);
                assert_eq!(other, None, "{name} is {field:?} and {other:?}");
                assert_eq!(super::super::key(name), name);
            }
        }
        for name in NO_PLACE.split(' ') {
            assert!(!seen.contains_key(name), "{name}");
        }
    }

    #[test]
    fn numbers_and_kinds_of_records_do_not_hide_a_name() {
        let cases = [
            ("email1", Some(Alias::Field(Field::Email))),
            ("email1value", Some(Alias::Field(Field::Email))),
            ("email2value", Some(Alias::Further(Field::Email))),
            ("email2address", Some(Alias::Further(Field::Email))),
            ("phone1label", Some(Alias::NoPlace)),
            ("address1label", Some(Alias::NoPlace)),
            ("address1", Some(Alias::Field(Field::Address))),
            ("address2", Some(Alias::Field(Field::AddressLine2))),
            ("addressline2", Some(Alias::Field(Field::AddressLine2))),
            ("defaultaddressaddress1", Some(Alias::Field(Field::Address))),
            ("defaultaddressaddress2", Some(Alias::Field(Field::AddressLine2))),
            ("address1street", Some(Alias::Field(Field::Address))),
            ("address2city", Some(Alias::Field(Field::City))),
            ("personemailwork", Some(Alias::Field(Field::Email))),
            ("leademail", Some(Alias::Field(Field::Email))),
            ("defaultaddresszip", Some(Alias::Field(Field::PostalCode))),
            ("businessfax", Some(Alias::NoPlace)),
            ("favouritecolour", None),
            ("contactby", None),
            ("by", Some(Alias::Field(Field::City))),
        ];
        for (key, alias) in cases {
            assert_eq!(of(key), alias, "{key}");
        }
    }
}
