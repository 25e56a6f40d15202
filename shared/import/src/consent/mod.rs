//! Consent: which columns hold it, and what their cells say. Whatever is in doubt is never read as "may be contacted".

mod words;

use crate::mapping::{key, without_brackets};

pub(crate) use words::{Reading, is_opt_out_word, says_opt_out};

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
        };
        let channels: Vec<String> = self.channels.names().map(str::to_lowercase).collect();
        if self.channels.has(Channels::ALL) { kind.to_owned() } else { format!("{kind}.{}", channels.join("+")) }
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
    naoligar descadastr avregistrer avmeld frameld 配信停止 退订 hasoptedout";
const IN: &str = "optin optedin consent acceptsmarketing acceptsemail acceptssms acceptssms acceptmarketing subscribed \
    permission gdpr dsgvo rgpd maycontact mayemail maycall cancontact canemail cancall oktocall oktoemail \
    oktotext oktocontact okaytocall agreedto agreesto agreemarketing einwilligung zustimmung consentement \
    consentimiento consentimento consenso toestemming zgoda согласие samtycke samtykke suscrito abonné abonniert \
    iscritto allowsmarketing allowemail allowsms allowcalls emailallowed smsallowed wantsnewsletter \
    receivenewsletter newsletteroptin marketingallowed";
const DETAILS: &[&str] = &["reason", "mode", "type", "campaigntitle", "campaignid", "campaign", "comment", "feedback"];
const NO_STATEMENT: &[&str] =
    &["link", "url", "ip", "message", "code", "source", "version", "text", "form", "by", "method", "basis", "token"];
const TIMES: &[&str] = &["time", "date", "timestamp", "at", "on"];
const STATUS: &str = "status subscriptionstatus subscription emailmarketingstatus marketingstatus emailstatus contactstatus \
    subscriberstatus memberstatus smsmarketingstatus smsstatus callstatus leadstatus disposition \
    emailsubscriptionstatus smssubscriptionstatus mailingstatus abonnement statut статус marketingcontactstatus \
    newsletterstatus personmarketingstatus contacttype preferences communicationpreferences contactpreference \
    contactpreferences preferredcontact emailpreference emailpreferences bounced bouncestatus";

/// Names of what a contact may have said no to, with other words than yes and no in their cells.
const SOFT: &[&str] =
    &["newsletter", "marketing", "emailmarketing", "smsmarketing", "marketingemails", "contactable", "mailinglist"];

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
        || full == "baja";
    let ends = |parts: &[&str]| parts.iter().any(|part| short.ends_with(part));
    let channels = channels(&full);
    if channels.is_none() {
        // Fax and nothing else: GHL sends none.
        return (is_dnd || has(OUT) || has(IN)).then_some(None);
    }
    if is_dnd || has(OUT) {
        if ends(NO_STATEMENT) {
            return Some(None);
        }
        let says = if ends(DETAILS) || has("campaign") { Says::Detail } else { Says::OptOut };
        return Some(Some(ConsentColumn { says, channels }));
    }
    if has(IN) {
        let is_detail = ends(NO_STATEMENT) || ends(DETAILS) || ends(TIMES);
        return Some((!is_detail).then_some(ConsentColumn { says: Says::OptIn, channels }));
    }
    if SOFT.contains(&full.as_str()) || SOFT.contains(&short.as_str()) {
        return Some(Some(ConsentColumn { says: Says::Wish, channels }));
    }
    let is_status = STATUS.split(' ').any(|status| status == full || status == short);
    is_status.then_some(Some(ConsentColumn { says: Says::Status, channels }))
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
        (&["mail", "newsletter", "рассыл", "courriel", "correo", "bulk"][..], Channels::EMAIL),
    ];
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
