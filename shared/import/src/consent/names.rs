//! Words in the names of consent columns, in some thirty languages.

/// Parts of names that mean opt-out; below, opt-in and details of either.
pub(super) const OUT: &str = "optout optedout optouts unsub donotcall donotemail donotmail donotcontact donottext donotsms donotdisturb \
    donotallow donotsend donotbulk donotphone dontcall dontcontact dontemail nocalls noemails nosms nocontact \
    nomarketing suppress blacklist blocklist donotsolicit doesnotwant stopemail stopsms removefromlist \
    abgemeldet abmeldung abbestell widerspruch werbesperre sperrvermerk keinewerbung nichtanrufen \
    nichtkontaktieren kontaktsperre desinscri désinscri désabonn desabonn nepascontacter nepasappeler opposition \
    nollamar nocontactar noenviar fechadebaja disiscri noncontattare nonchiamare uitgeschreven uitschrijf \
    afgemeld nietbellen nietmailen wypisan отписан отписк отказотрассыл незвонить naocontatar nãocontatar \
    naoligar descadastr avregistrer avmeld frameld 配信停止 退订 hasoptedout \
    noconsent notconsent nonconsent withdraw withdrew revok widerruf consentdenied consentrefused consentdeclined \
    consentexpir consentmissing consentpending optinpending unconfirm optindeclined notsubscrib neversubscrib \
    notoptedin notoptin nooptin notallow notaccept notagree notreceive notpermit notbecontacted donotprocess \
    donotmarket complain hardbounc bounced bouncereason bouncedate bouncetime cleantime cleancampaign \
    deleterequest deletionrequest deleteme erasure tobeforgotten forgetme löschung deceased verstorben décédé \
    fallecid decedut nichterlaubt nichteinverstanden keineanrufe keinemails keineemails keinenewsletter \
    ohneeinwilligung noacepta nonaccetta naoaceita nãoaceita naccepte geenmail geentoestemming dadodebaja \
    dadadebaja fechabaja solicitabaja robinson abmelde belmeniet belmijniet nomolestar nãoperturb naoperturb nãoincomod \
    opposizion listerouge bloctel refusprospect refusdémarch refusdemarch refuspub refuscommunic refusemail refussms \
    refusdecontact refusdemail refusdesms nepasderang nepasdérang nepassollic nepasdémarch nepasdemarch litigator quarantin werbewiderspruch \
    nichtbewerben mailsperre mailingsperre niewysyla niedzwoni sprzeciw rezygnac cancelouinscri nãodesej naodesej nodesea \
    nonvuole mailinglistoptout \
    unconsent unreachable notreachable nosolicit ecgliste sperrkennz ausgetragen noninviare uitschrijv notoptin desuscri noquiere consentremov consentcancel consentdelet consentend consentreject consentwithh consentobject \
    datadeleted gdprdelet gdprforg gdprremov gdprobject gdprerase markedasspam markedemailasspam reportedspam \
    reportedasspam spamreport listanegra listenoire listanera denylist sperrliste kontaktverbot anrufverbot mailverbot \
    telefonverbot werbeverbot nepasenvoyer neplus pasdemail pasdesms pasdedemarch pasdedémarch nocontactable \
    noncontactable notcontactable uncontactable unmailable notmailable nietbenader geencontact geennieuws niekontakt \
    niewysył donotapproach donotpost donotring donotwant dontwant donotwish dontwish nottoreceive nolongerwish \
    nevercontact nevercall neveremail stopcontact stopmarketing excludefrom hidefrommarketing nichtanschreib nichtmehr \
    nichtmailen keinkontakt keinemail keinnewsletter löschantrag löschwunsch unsolicitable nãoenviar naoenviar nãocontat \
    неписать небеспоко чёрныйсписок черныйсписок отказот 请勿 請勿 勿联系 送付停止 停止希望 לאמעוניין \
    leiratk nemkér tiltólist markkinointikielto suoramarkkinointikielto kieltänyt διαγραφ απεγγραφ δενεπιθυμ 수신거부 거부 退訂 \
    取消订阅 取消訂閱 拒收 不接收 不接受 勿扰 勿擾 黑名单 黑名單 配信拒否 受信拒否 停止希望 إلغاءالاشتراك الغاءالاشتراك عدمالتواصل \
    عدمالاتصال لاتتصل محظور הסר הסרה ביטולמנוי לאליצורקשר לאלהתקשר dezabon frabedt reservert reservasjon відпис відмов ยกเลิก \
    hủyđăngký khôngliênhệ berhentiberlangganan jangandihubungi odhlášen odhlásen odjavljen odjava avböj loobun \
    abonelikiptal aranmasın odmítá nesúhlas nesouhlas \
    afmeldt afmelding tackatnej tackanej spärrad spärrlista nezasílat nezasielat nevolat nekontaktovat darsedebaja dadodebaja \
    dardebaja listadeexclusi listadesuppresi listadesupresi listarobinson donatdebaixa donadadebaixa nondesidera nonvoglio stoppub stopsms \
    stopmail rétractation retractation widersprochen 連絡不可 配信不可 送信不可 送付不可 dm不可 tidaksetuju tidakbersedia afskráð listanera \
    notwilling wishesnocontact ikkekontakt kontaktaikke ikkeringe måikkekontaktes skalikkekontaktes eikontaktoida nepiekrīt nesutink nepristaj neželi nezelim atsisak atteic nemjárul neveutplus nesouhaiteplus rappelerpas nepasrappeler \
    leiratkozott dezabonat 已退订 停止推送 不再联系 연락거부 연락금지 不要联系 gdpropposition cancelósuscri canceladosuscri";
pub(super) const IN: &str = "optin optedin consent acceptsmarketing acceptsemail acceptssms acceptssms acceptmarketing subscribed \
    permission gdpr dsgvo rgpd maycontact mayemail maycall cancontact canemail cancall oktocall oktoemail \
    oktotext oktocontact okaytocall agreedto agreesto agreemarketing einwilligung zustimmung consentement \
    consentimiento consentimento consenso toestemming zgoda согласие samtycke samtykke suscrito abonné abonniert \
    iscritto allowsmarketing allowemail allowsms allowcalls emailallowed smsallowed wantsnewsletter \
    souhlas súhlas suostumus hozzájárul privola soglasje acorddemarketing acordmarketing съгласие kvkk メルマガ 配信希望 配信許可 receivenewsletter newsletteroptin marketingallowed marketingok suscripto suscrita iscritta abonnée \
    feliratk markkinointilupa suoramarkkinointilupa συγκατάθεσ συγκαταθεσ αποδοχ 수신동의 동의 接受营销 接受行銷 接收营销 同意 订阅 訂閱 موافق \
    אישורדיוור דיוור מאשר tilmeldt måkontaktes kankontaktes згода підписк підписан ยินยอม đồngý setuju persetujuan rızası açıkrıza \
    reachable mailable emailable sendable marketable textable callable tcpa casl canspam lopd lgpd agreedtomarketing sendmarketing \
    samþykki nõusolek nousolek piekrišana piekrisana sutikimas pristanak privolitev сагласност пристанак iysonay etkizni etkonay ticariileti \
    dadodealta dadadealta donatdalta póstlisti samtykki consentiment съгласен согласен";
/// Names of a negated opt-out: a yes is no opt-out.
pub(super) const NOT_OUT: &str = "notoptedout notoptout nooptout notunsub nounsub notdnc notdnd notondnc notblacklist notblocklist \
    notsuppress nichtabgemeldet nichtgesperrt nondésinscri nondesinscri nondisiscri";
/// Names with both answers. The meaning of a bare yes is only a convention.
pub(super) const IN_OR_OUT: &str = "optinout optinoptout optinorout optedinout optinoroptout optedinoptedout subscribedunsubscribed subscribeunsubscribe \
    opt optstatus marketingopt emailopt smsopt";
/// Full names that mean opt-out.
pub(super) const OUT_WHOLE: &str = "baja bajas cleaned cleanedat cleandate complaint dnm dne dnt dnmflag dneflag tps tpsregistered ctps mps \
    austragung";
/// Full names that mean opt-in.
pub(super) const IN_WHOLE: &str = "doi rodo inscrito inscrita inscrit inscrite doibestätigt doiconfirmed";
/// Words that negate an opt-in's name: `Sin consentimiento`.
pub(super) const NEGATIONS: &str = "not no non without ohne sans sin senza zonder sem bez utan uden uten kein keine keinen nicht nie ne nem \
    ikke inte geen niet never nunca não nao ei brak lacks lacking";
pub(super) const AFFIRMATIONS: &str = "yes y ja j oui o si sí sì sim tak ano igen evet da";
/// Words of assent. With a word for its subject they name an opt-in: `May we call you?`, `Acepta publicidad`.
pub(super) const ASSENT: &str = "canwe maywe mayi allow receive accept accett acepta aceita aceite agree permit souhaite autoriz autoris \
    authoriz wantsto wouldliketo happyto recevoir recibir ricevere receber ontvang empfang erhalten erlaub erwünscht akzeptiert";
pub(super) const ASSENTED: &str = "mail sms text call contact market news publi promo offer ofert offre offert angebot whatsapp werb communic \
    comunic kommunik mensaj correo anruf telefon phone llama kontakt nieuws";
/// Parts of names that say how long something holds.
pub(super) const ENDS: &str = "validuntil validto validtill validthru validthrough validupto until expir enddate endson gültigbis gueltigbis \
    bisdatum ablaufdatum läuftab endetam valablejusqu jusqu finde expire válidohasta validohasta hasta vence vencim caduc validofino \
    validofinoal scadenza scade geldigtot verloopt vervaldatum ważnado waznado platnost platído giltigtill gyldigtil voimassa \
    válidoaté validoaté validoate действительнодо";
/// Last words of names that tell how, why or when, but not whether.
pub(super) const DETAILS: &[&str] = &["reason", "mode", "type", "title", "campaign", "comment", "feedback"];
pub(super) const NO_STATEMENT: &[&str] =
    &["link", "url", "ip", "message", "code", "source", "version", "form", "by", "method", "basis", "token"];
/// Those of them that occur only with an actual opt-out: `Unsubscribed by`.
pub(super) const BY_WHOM: &[&str] = &["by", "method", "source"];
pub(super) const TIMES: &[&str] = &["time", "date", "timestamp", "at", "on"];
pub(super) const STATUS: &str = "status subscription contactstatus memberstatus leadstatus disposition abonnement statut статус \
    stato estatus contacttype preferences communicationpreferences contactpreference contactpreferences \
    preferredcontact preferredcontactmethod preferredmethodofcontact emailpreference emailpreferences bouncestatus";
/// Parts of names of a status that only says whether somebody may be contacted.
pub(super) const SUBSCRIPTION: &[&str] = &["subscri", "marketing", "newsletter", "mailing", "optin", "abonn", "suscri"];

/// Names of things that a contact may have refused, with cells other than yes and no.
pub(super) const SOFT: &[&str] = &[
    "newsletter",
    "newsletters",
    "communicationlevel",
    "contactlevel",
    "nieuwsbrief",
    "boletín",
    "infolettre",
    "marketing",
    "emailmarketing",
    "smsmarketing",
    "marketingemails",
    "marketingsms",
    "marketingtexts",
    "textmessages",
    "smsmessages",
    "textmessaging",
    "promotions",
    "promotionalemails",
    "contactable",
    "mailinglist",
    "werbung",
    "publicidad",
    "publicité",
    "pubblicità",
    "nyhetsbrev",
    "nyhedsbrev",
    "uutiskirje",
    "hírlevél",
    "zpravodaj",
    "bülten",
    "izin",
    "onay",
    "рассылка",
];

pub(super) const NO_TOPICS: &[&str] = &[
    "fax",
    "verified",
    "valid",
    "opened",
    "clicked",
    "received",
    "sent",
    "unworked",
    "numberof",
    "countof",
    "since",
    "timescontacted",
    "lastcontact",
    "nextcontact",
    "termsand",
    "terms",
    "conditions",
];
pub(super) const TOPICS: &str = "mail sms text call contact market news publi promo offer ofert offre angebot whatsapp werb communic comunic kommunik \
    subscri suscri abonn contatt contat bellen appel sollicit démarch demarch relance joindre chiama ricev envio envío llam \
    aviso ligar ligação utskick opkald utsend sdělení megkeres értesít zusend anschreib ansprach reklam yhteydenot permis consent optin optout optedin optedout dnd permission allow gdpr dsgvo rgpd privacy phone \
    hearfrom intouch keepme sendme updates inform remind alert signup signme specialdeal specialoffer agree akkoord solicit leavemessage angeruf angeschr \
    darf dürfen infopost infomail datenschutz prospection consient consenti accetta aceito aceita acepto pozwol thirdparty benader \
    erwünscht zulässig quiere desea souhait wünsch autoriz autoris permit notif bounce spam unsub reach anruf telefon kontakt nieuws consens zgod onlist offlist onthelist";

/// Names that say that somebody is shut out.
pub(super) const BLOCKED: &str = "blocked block banned suspended removed deleted archived disabled deactivated exclude excluded closed \
    terminated erased anonymised anonymized remove delete todelete gesperrt sperre gelöscht gekündigt storniert \
    bloqué bloqueado bloqueada bloccato geblokkeerd zablokowany cancelado cancelada cancellato annulé désactivé \
    supprimé opgezegd austritt invalid bad ignore undeliverable bounce bouncetype stop stopped refus refusé \
    opposé arefusé rifiuta rifiutato revocato cancelou removeme inactive litigation";
