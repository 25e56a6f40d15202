//! Consent: finds its columns and interprets their cells. Doubt never counts as "may be contacted".

mod answers;
mod column;
mod legend;
mod names;
mod remarks;
mod status;
mod text;
mod vocabulary;
mod words;

pub(crate) use answers::is_refusal;
pub(crate) use column::{has_unclear_legend, is_about_an_end, is_about_blocking, is_about_contacting, of_column};
pub(crate) use remarks::{
    is_marked, is_opt_out_tag, is_opt_out_word, is_refusing_heading, is_stop, name_refuses, remark_refuses,
    title_refuses, value_refuses,
};
pub(crate) use status::speaks_of_subscription;
pub(crate) use text::{channel, says_opt_out};
pub(crate) use words::{ConsentReading, is_denial, is_foreign_yes_or_no, is_never, is_no, is_yes_or_no};

/// Channels on which a contact must not be messaged.
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

    /// The channels as an opt-out column can hold them: `all`, `Email, SMS`; empty for none.
    pub(crate) fn listed(self) -> String {
        if self.has(Channels::ALL) { "all".to_owned() } else { self.names().collect::<Vec<_>>().join(", ") }
    }

    /// The single channels, by their names in GHL's `dndSettings`.
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

/// Meaning of the filled cells in a consent column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// A yes is an opt-out.
    OptOut,
    /// A no is an opt-out.
    OptIn,
    /// Some words are opt-outs; others do not matter.
    Status,
    /// Each word is an opt-in or an opt-out; any other is unreadable.
    Subscription,
    /// A no or an opt-out word is an opt-out; others do not matter.
    Wish,
    /// Any content is an opt-out, such as its reason.
    Detail,
    /// The last day of a consent; an opt-out from the next day on.
    Until,
}

/// A column of consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConsentColumn {
    pub(crate) says: Says,
    /// The channels it concerns.
    pub(crate) channels: Channels,
}

impl ConsentColumn {
    /// Parses its name in a mapping: `dnd`, `dnd.email`, `optin.sms`, `status` …
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
            "optin_until" => Says::Until,
            _ => return None,
        };
        // `dnd.email+sms` names two channels.
        let channels: Option<Vec<Channels>> = channel.split('+').map(text::channel).collect();
        Some(ConsentColumn { says, channels: channels?.into_iter().fold(Channels::NONE, Channels::and) })
    }

    /// Its name in a mapping.
    pub(crate) fn name(self) -> String {
        let kind = match self.says {
            Says::OptOut => "dnd",
            Says::Detail => "dnd_if_filled",
            Says::OptIn => "optin",
            Says::Until => "optin_until",
            Says::Wish => "wish",
            Says::Status => "status",
            Says::Subscription => "subscription",
        };
        let channels: Vec<String> = self.channels.names().map(str::to_lowercase).collect();
        if self.channels.has(Channels::ALL) { kind.to_owned() } else { format!("{kind}.{}", channels.join("+")) }
    }

    /// Whether it only states somebody's wish.
    pub(crate) fn is_wish(self) -> bool {
        self.says == Says::Wish
    }

    /// Whether a status cell speaks of subscribing or unsubscribing. Then the whole column is about subscriptions.
    pub(crate) fn is_of_subscription(self, cell: &str) -> bool {
        self.says == Says::Status && status::is_of_subscription(cell)
    }

    /// Whether a status cell says "subscribed". Then every other word of the column says whether somebody is
    /// subscribed.
    pub(crate) fn is_of_subscription_only(self, cell: &str) -> bool {
        self.says == Says::Status && status::is_subscribed(cell)
    }

    /// Reads a cell of a column that is about subscriptions; about nothing else if `is_strict`.
    pub(crate) fn read_among_subscriptions(self, cell: &str, is_strict: bool) -> ConsentReading {
        match (self.says, self.read(cell)) {
            (Says::Status, ConsentReading::Nothing) if status::is_undecided(cell) => ConsentReading::Unreadable,
            (Says::Status, ConsentReading::Nothing) if status::is_over(cell) => ConsentReading::Out(self.channels),
            (Says::Status, ConsentReading::Nothing) if is_strict => words::read_strictly(cell, self.channels),
            (_, reading) => reading,
        }
    }

    /// Reads a cell. An empty one says nothing.
    pub(crate) fn read(self, cell: &str) -> ConsentReading {
        words::read(self, cell)
    }
}
