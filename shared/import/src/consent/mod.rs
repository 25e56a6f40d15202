//! Consent: which columns hold it, and what their cells say. Whatever is in doubt is never read as "may be contacted".

mod vocabulary;
mod words;

use crate::name::{key, without_brackets};

pub(crate) use words::{
    Reading, is_denial, is_foreign_yes_or_no, is_marked, is_no, is_opt_out_tag, is_opt_out_word, is_yes_or_no,
    says_opt_out, speaks_of_subscription,
};

/// The channels on which a contact must not be disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) struct Channels(u8);

impl Channels {
    pub(crate) const NONE: Channels = Channels(0);
    pub(crate) const CALL: Channels = Channels(1);
    pub(crate) const EMAIL: Channels = Channels(2);
    pub(crate) const SMS: Channels = Channels(4);
    pub(crate) const WHATSAPP: Channels = Channels(8);
    pub(crate) const GMB: Channels = Channels(16);
    pub(crate) const FB: Channels = Channels(32);
    pub(crate) const ALL: Channels = Channels(64);

    pub(crate) fn and(self, other: Channels) -> Channels {
        Channels(self.0 | other.0)
    }

    pub(crate) fn is_none(self) -> bool {
        self == Channels::NONE
    }

    pub(crate) fn has(self, channel: Channels) -> bool {
        self.0 & channel.0 == channel.0
    }

    /// The single channels, by the names that GHL's `dndSettings` has for them.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let named = [
            (Channels::CALL, "Call"),
            (Channels::EMAIL, "Email"),
            (Channels::SMS, "SMS"),
            (Channels::WHATSAPP, "WhatsApp"),
            (Channels::GMB, "GMB"),
            (Channels::FB, "FB"),
        ];
        named.into_iter().filter(move |(channel, _)| self.has(*channel)).map(|(_, name)| name)
    }
}

/// What a filled cell of a column of consent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// A yes is an opt-out.
    OptOut,
    /// A no is an opt-out.
    OptIn,
    /// A word may be an opt-out; others are none of our business.
    Status,
    /// A word is an opt-in or an opt-out, or nobody knows.
    Subscription,
    /// A no or a word of an opt-out is one; others are none of our business.
    Wish,
    /// Anything at all is an opt-out, such as the reason for it.
    Detail,
}

/// A column of consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConsentColumn {
    pub(crate) says: Says,
    /// Of which channels it speaks.
    pub(crate) channels: Channels,
}

impl ConsentColumn {
    /// By the name that a mapping gives it: `dnd`, `dnd.email`, `optin.sms`, `status` …
    pub(crate) fn of_name(name: &str) -> Option<ConsentColumn> {
        let name = name.to_lowercase();
        let (kind, channel) = name.split_once('.').unwrap_or((&name, "all"));
        let says = match kind {
            "dnd" | "optout" | "opt_out" => Says::OptOut,
            "optin" | "opt_in" => Says::OptIn,
            "status" => Says::Status,
            "subscription" => Says::Subscription,
            "wish" => Says::Wish,
            "dnd_if_filled" => Says::Detail,
            _ => return None,
        };
        // `dnd.email+sms` is two of them.
        let channels: Option<Vec<Channels>> = channel.split('+').map(words::channel).collect();
        Some(ConsentColumn { says, channels: channels?.into_iter().fold(Channels::NONE, Channels::and) })
    }

    /// The name that a mapping gives it.
    pub(crate) fn name(self) -> String {
        let kind = match self.says {
            Says::OptOut => "dnd",
            Says::Detail => "dnd_if_filled",
            Says::OptIn => "optin",
            Says::Wish => "wish",
            Says::Status => "status",
            Says::Subscription => "subscription",
        };
        let channels: Vec<String> = self.channels.names().map(str::to_lowercase).collect();
        if self.channels.has(Channels::ALL) { kind.to_owned() } else { format!("{kind}.{}", channels.join("+")) }
    }

    /// Whether it is no more than somebody's wish.
    pub(crate) fn is_wish(self) -> bool {
        self.says == Says::Wish
    }

    /// Whether a cell of a status says that somebody has subscribed or unsubscribed: then the whole column is of that.
    pub(crate) fn is_of_subscription(self, cell: &str) -> bool {
        self.says == Says::Status && words::is_of_subscription(cell)
    }

    /// What a cell of a column says whose other cells are of a subscription.
    pub(crate) fn read_among_subscriptions(self, cell: &str) -> Reading {
        match self.says {
            Says::Status if words::is_undecided(cell) => Reading::Unreadable,
            Says::Status if words::is_over(cell) => Reading::Out(self.channels),
            _ => self.read(cell),
        }
    }

    /// What a cell of it says. An empty one says nothing.
    pub(crate) fn read(self, cell: &str) -> Reading {
        words::read(self, cell)
    }
}

/// Parts of names that speak of an opt-out, of an opt-in, and of details of either.
const OUT: &str = "optout optedout optouts unsub donotcall donotemail donotmail donotcontact donottext donotsms donotdisturb \
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
    abonelikiptal aranmasın odmítá nesúhlas nesouhlas";
const IN: &str = "optin optedin consent acceptsmarketing acceptsemail acceptssms acceptssms acceptmarketing subscribed \
    permission gdpr dsgvo rgpd maycontact mayemail maycall cancontact canemail cancall oktocall oktoemail \
    oktotext oktocontact okaytocall agreedto agreesto agreemarketing einwilligung zustimmung consentement \
    consentimiento consentimento consenso toestemming zgoda согласие samtycke samtykke suscrito abonné abonniert \
    iscritto allowsmarketing allowemail allowsms allowcalls emailallowed smsallowed wantsnewsletter \
    souhlas súhlas suostumus hozzájárul privola soglasje acorddemarketing acordmarketing съгласие kvkk メルマガ 配信希望 配信許可 receivenewsletter newsletteroptin marketingallowed marketingok suscripto suscrita iscritta abonnée \
    feliratk markkinointilupa suoramarkkinointilupa συγκατάθεσ συγκαταθεσ αποδοχ 수신동의 동의 接受营销 接受行銷 接收营销 同意 订阅 訂閱 موافق \
    אישורדיוור דיוור מאשר tilmeldt måkontaktes kankontaktes згода підписк підписан ยินยอม đồngý setuju persetujuan rızası açıkrıza \
    reachable mailable emailable sendable marketable textable callable tcpa casl canspam lopd lgpd agreedtomarketing sendmarketing";
/// Names of an opt-out that is denied: a yes is none.
const NOT_OUT: &str = "notoptedout notoptout nooptout notunsub nounsub notdnc notdnd notondnc notblacklist notblocklist \
    notsuppress nichtabgemeldet nichtgesperrt nondésinscri nondesinscri nondisiscri";
/// Names of a choice of which both answers are named: a bare yes says which only by custom.
const IN_OR_OUT: &str = "optinout optinoptout optinorout optedinout optinoroptout optedinoptedout subscribedunsubscribed subscribeunsubscribe \
    opt optstatus marketingopt emailopt smsopt";
/// Whole names of an opt-out.
const OUT_WHOLE: &str = "baja cleaned cleanedat cleandate complaint dnm dne dnt dnmflag dneflag tps tpsregistered ctps mps \
    austragung";
/// Whole names of an opt-in.
const IN_WHOLE: &str = "doi rodo inscrito inscrita inscrit inscrite doibestätigt doiconfirmed";
/// Words that make an opt-in's name one of its absence: `Sin consentimiento`.
const NEGATIONS: &str = "not no non without ohne sans sin senza zonder sem bez utan uden uten kein keine keinen nicht nie ne nem \
    ikke inte geen niet never nunca não nao ei brak lacks lacking";
const AFFIRMATIONS: &str = "yes y ja j oui o si sí sì sim tak ano igen evet da";
/// Words of an assent, which with a word for what is assented to make an opt-in: `May we call you?`, `Acepta publicidad`.
const ASSENT: &str = "canwe maywe mayi allow receive accept accett acepta aceita aceite agree permit souhaite autoriz autoris \
    authoriz wantsto wouldliketo happyto recevoir recibir ricevere receber ontvang empfang erhalten erlaub erwünscht akzeptiert";
const ASSENTED: &str = "mail sms text call contact market news publi promo offer ofert offre offert angebot whatsapp werb communic \
    comunic kommunik mensaj correo anruf telefon phone llama kontakt nieuws";
/// Last words of names that speak of how, why and when, and not of whether.
const DETAILS: &[&str] = &["reason", "mode", "type", "title", "campaign", "comment", "feedback"];
const NO_STATEMENT: &[&str] =
    &["link", "url", "ip", "message", "code", "source", "version", "form", "by", "method", "basis", "token"];
const TIMES: &[&str] = &["time", "date", "timestamp", "at", "on"];
const STATUS: &str = "status subscription contactstatus memberstatus leadstatus disposition abonnement statut статус \
    stato estatus contacttype preferences communicationpreferences contactpreference contactpreferences \
    preferredcontact preferredcontactmethod preferredmethodofcontact emailpreference emailpreferences bouncestatus";
/// Parts of names of a status that says whether somebody may be contacted, and nothing else.
const SUBSCRIPTION: &[&str] = &["subscri", "marketing", "newsletter", "mailing", "optin", "abonn", "suscri"];

/// Names of what a contact may have said no to, with other words than yes and no in their cells.
const SOFT: &[&str] = &[
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

/// What a column's name says of consent: nothing (`None`), that the column has to do with it and states none
/// (`Some(None)`), or which.
pub(crate) fn of_column(name: &str) -> Option<Option<ConsentColumn>> {
    let full = key(name);
    let short = key(&without_brackets(name));
    let has = |parts: &str| parts.split(' ').any(|part| full.contains(part));
    let is_dnd = full == "dnc"
        || full == "dnd"
        || full.starts_with("dnd")
        || full.starts_with("dnc")
        || full.ends_with("dnd")
        || full.ends_with("dnc")
        || OUT_WHOLE.split(' ').any(|whole| whole == full);
    let last = last_word(name);
    let ends = |words: &[&str]| {
        // Of a name in one word its end, where that is long enough to be no part of another word.
        words.iter().any(|word| last == *word || (word.len() >= 4 && short.len() > word.len() && short.ends_with(word)))
    };
    let channels = channels(&full);
    if channels.is_none() {
        // Fax and nothing else: GHL sends none.
        return (is_dnd || has(OUT) || has(IN)).then_some(None);
    }
    if has(NOT_OUT) && !full.contains("donot") {
        return Some(Some(ConsentColumn { says: Says::OptIn, channels }));
    }
    if IN_OR_OUT.split(' ').any(|whole| whole == full || whole == short) {
        return Some(Some(ConsentColumn { says: Says::Subscription, channels }));
    }
    if is_dnd || has(OUT) {
        if ends(NO_STATEMENT) {
            return Some(None);
        }
        let says = if ends(DETAILS) || has("campaign") { Says::Detail } else { Says::OptOut };
        return Some(Some(ConsentColumn { says, channels }));
    }
    let is_status = ["status", "state", "statut", "stato"].contains(&last.as_str());
    let begins = ["status", "statut", "estado", "stato", "état"].iter().any(|word| full.starts_with(word))
        || ["statusde", "estadode", "statutde", "statodi"].iter().any(|word| full.contains(word));
    if (is_status || begins) && (SUBSCRIPTION.iter().any(|part| full.contains(part)) || has(IN)) {
        return Some(Some(ConsentColumn { says: Says::Subscription, channels }));
    }
    let is_assent = has(ASSENT) && has(ASSENTED) && !full.contains("received") && !full.contains("accepted");
    let is_whole = IN_WHOLE.split(' ').any(|whole| whole == full);
    if has(IN) || is_assent || is_whole {
        if is_negated(name) && !ends(NO_STATEMENT) {
            return Some(Some(ConsentColumn { says: Says::OptOut, channels }));
        }
        let is_detail = ends(NO_STATEMENT) || ends(DETAILS) || ends(TIMES) || full.ends_with("consenttext");
        return Some((!is_detail).then_some(ConsentColumn { says: Says::OptIn, channels }));
    }
    if SOFT.contains(&full.as_str()) || SOFT.contains(&short.as_str()) {
        return Some(Some(ConsentColumn { says: Says::Wish, channels }));
    }
    let is_status = (is_status && !channels.has(Channels::ALL))
        || STATUS.split(' ').any(|status| status == full || status == short);
    is_status.then_some(Some(ConsentColumn { says: Says::Status, channels }))
}

/// Whether a short name denies what it speaks of. In a long one the word may stand in a condition, and in `Consent (yes/no)`
/// in an answer.
fn is_negated(name: &str) -> bool {
    let name = without_brackets(name).to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is = |list: &str, word: &str| list.split(' ').any(|known| known == word);
    // `Consent No` is a number.
    let behind = words.iter().skip(1).rev().take(1).any(|word| *word == "no");
    words.len() <= 6
        && !behind
        && words.iter().any(|word| is(NEGATIONS, word))
        && !words.iter().any(|word| is(AFFIRMATIONS, word))
}

/// The last word of a name outside of brackets, in lower case: `time` of `OPTIN_TIME` and of `optinTime`.
fn last_word(name: &str) -> String {
    let name = without_brackets(name);
    let name = name.trim_end_matches(|c: char| !c.is_alphanumeric());
    let mut word: Vec<char> = Vec::new();
    for sign in name.chars().rev() {
        if !sign.is_alphanumeric() {
            break;
        }
        // A capital begins a word of `camelCase`, where the word is in small letters.
        let begins = sign.is_uppercase() && word.last().is_some_and(|c| c.is_lowercase());
        word.push(sign);
        if begins {
            break;
        }
    }
    word.iter().rev().flat_map(|c| c.to_lowercase()).collect()
}

/// Whether a name has to do with contacting somebody, whatever it says of it.
pub(crate) fn is_about_contacting(name: &str) -> bool {
    let key = key(name).replace("consent", "agree");
    !NO_TOPICS.iter().any(|word| key.contains(word)) && TOPICS.split(' ').any(|topic| key.contains(topic))
}

const NO_TOPICS: &[&str] = &[
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
const TOPICS: &str = "mail sms text call contact market news publi promo offer ofert offre angebot whatsapp werb communic comunic kommunik \
    subscri suscri abonn contatt contat bellen appel sollicit démarch demarch relance joindre chiama ricev envio envío llam \
    aviso ligar ligação utskick opkald utsend sdělení megkeres értesít zusend anschreib ansprach reklam yhteydenot permis consent optin optout optedin optedout dnd permission allow gdpr dsgvo rgpd privacy phone \
    hearfrom intouch keepme sendme updates inform remind alert signup signme specialdeal specialoffer agree akkoord solicit leavemessage angeruf angeschr \
    darf dürfen infopost infomail datenschutz prospection consient consenti accetta aceito aceita acepto pozwol thirdparty benader \
    erwünscht zulässig quiere desea souhait wünsch autoriz autoris permit notif bounce spam unsub reach anruf telefon kontakt nieuws consens zgod";

/// Whether a name says that somebody is shut out, of what ever: `Blocked`, `is_deleted`.
pub(crate) fn is_about_blocking(name: &str) -> bool {
    const NAMES: &str = "blocked block banned suspended removed deleted archived disabled deactivated exclude excluded closed \
        terminated erased anonymised anonymized remove delete todelete gesperrt sperre gelöscht gekündigt storniert \
        bloqué bloqueado bloqueada bloccato geblokkeerd zablokowany cancelado cancelada cancellato annulé désactivé \
        supprimé opgezegd austritt invalid bad ignore undeliverable bounce bouncetype stop stopped refus refusé \
        opposé arefusé rifiuta rifiutato revocato cancelou removeme inactive litigation";
    let key = key(name);
    let bare = ["is", "was", "contact", "email"].iter().find_map(|start| key.strip_prefix(start)).unwrap_or(&key);
    let bare = ["at", "on", "date", "contact", "flag"].iter().find_map(|end| bare.strip_suffix(end)).unwrap_or(bare);
    NAMES.split(' ').any(|name| name == key || name == bare)
        || ["donot", "dont", "never"].iter().any(|start| key.starts_with(start))
}

/// The channels that a name speaks of: all, where it names none. No channel at all is fax.
fn channels(key: &str) -> Channels {
    let named = [
        (&["sms", "text", "txt"][..], Channels::SMS),
        (&["whatsapp"][..], Channels::WHATSAPP),
        (
            &["call", "phone", "voice", "telefon", "anruf", "appel", "llamar", "chiamare", "ligar", "bellen", "звон"][..],
            Channels::CALL,
        ),
        (
            &["mail", "newsletter", "рассыл", "courriel", "correo", "bulk", "bounc", "cleantime", "cleancampaign"][..],
            Channels::EMAIL,
        ),
    ];
    // Voicemail is no e-mail.
    let key = key.replace("voicemail", "voice");
    let found = named.iter().filter(|(words, _)| words.iter().any(|word| key.contains(word)));
    let channels = found.fold(Channels::NONE, |sum, (_, channel)| sum.and(*channel));
    match channels.is_none() {
        true if key.contains("fax") => Channels::NONE,
        true => Channels::ALL,
        // `Unsubscribed from all emails` speaks of one channel, `mailing list` of no call.
        false => channels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_consent_is_known_by_its_name() {
        let out = |channels| Some(Some(ConsentColumn { says: Says::OptOut, channels }));
        let opt_in = |channels| Some(Some(ConsentColumn { says: Says::OptIn, channels }));
        let cases = [
            ("DND", out(Channels::ALL)),
            ("Email Opt Out", out(Channels::EMAIL)),
            ("HasOptedOutOfEmail", out(Channels::EMAIL)),
            ("Do Not Call", out(Channels::CALL)),
            ("DO NOT CONTACT", out(Channels::ALL)),
            ("UNSUB_TIME", out(Channels::ALL)),
            ("Unsubscribed from all email", out(Channels::EMAIL)),
            ("Fax Opt Out", Some(None)),
            ("SMS Consent", opt_in(Channels::SMS)),
            ("Accepts Email Marketing", opt_in(Channels::EMAIL)),
            ("OPTIN_IP", Some(None)),
            ("OPTIN_TIME", Some(None)),
            ("Unsubscribe Link", Some(None)),
            ("Abgemeldet am", out(Channels::ALL)),
            ("UNSUB_REASON", Some(Some(ConsentColumn { says: Says::Detail, channels: Channels::ALL }))),
            ("Status", Some(Some(ConsentColumn { says: Says::Status, channels: Channels::ALL }))),
            ("Email", None),
            ("Do Not Text", out(Channels::SMS)),
            ("No consent", out(Channels::ALL)),
            ("Consent withdrawn", out(Channels::ALL)),
            ("Not subscribed", out(Channels::ALL)),
            ("Email not allowed", out(Channels::EMAIL)),
            ("GDPR deletion request", out(Channels::ALL)),
            ("CLEAN_TIME", out(Channels::EMAIL)),
            ("Email Bounced", out(Channels::EMAIL)),
            ("Permission", opt_in(Channels::ALL)),
            ("Consent to communication", opt_in(Channels::ALL)),
            ("May we call you?", opt_in(Channels::CALL)),
            ("Acepta publicidad", opt_in(Channels::ALL)),
            ("optinTime", Some(None)),
            ("Opt-in date", Some(None)),
            ("Company", None),
            ("Industry", None),
        ];
        for (name, expected) in cases {
            assert_eq!(of_column(name), expected, "{name}");
        }
    }

    #[test]
    fn a_mapping_names_consent_by_channel() {
        for name in ["dnd", "dnd.email", "dnd.email+sms", "optin.call", "status", "wish.email", "dnd_if_filled"] {
            assert_eq!(ConsentColumn::of_name(name).map(ConsentColumn::name), Some(name.to_owned()));
        }
        assert_eq!(ConsentColumn::of_name("dnd.pigeon"), None);
    }
}
