//! Consent: which columns hold it, and what their cells say. Whatever is in doubt is never read as "may be contacted".

mod answers;
mod column;
mod legend;
mod names;
mod remarks;
mod status;
mod vocabulary;
mod words;

pub(crate) use answers::is_refusal;
pub(crate) use column::{is_about_an_end, is_about_blocking, is_about_contacting, of_column};
pub(crate) use legend::has_unclear_legend;
pub(crate) use remarks::{
    is_marked, is_opt_out_tag, is_opt_out_word, is_refusing_heading, is_stop, name_refuses, remark_refuses,
    title_refuses, value_refuses,
};
pub(crate) use status::speaks_of_subscription;
pub(crate) use words::{
    Reading, channel, is_denial, is_foreign_yes_or_no, is_never, is_no, is_yes_or_no, says_opt_out,
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

    /// Its channels in words that a column of opt-outs may hold: `all`, `Email, SMS`; empty for none.
    pub(crate) fn listed(self) -> String {
        if self.has(Channels::ALL) { "all".to_owned() } else { self.names().collect::<Vec<_>>().join(", ") }
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
    /// A day up to which a consent holds: from the next day on it is an opt-out.
    Until,
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
            "optin_until" => Says::Until,
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
            Says::Until => "optin_until",
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
        self.says == Says::Status && status::is_of_subscription(cell)
    }

    /// Whether a cell of a status says that somebody has subscribed: then all its other words say whether others have.
    pub(crate) fn is_of_subscription_only(self, cell: &str) -> bool {
        self.says == Says::Status && status::is_subscribed(cell)
    }

    /// What a cell of a column says whose other cells are of a subscription, of nothing else if the column is `strict`.
    pub(crate) fn read_among_subscriptions(self, cell: &str, is_strict: bool) -> Reading {
        match (self.says, self.read(cell)) {
            (Says::Status, Reading::Nothing) if status::is_undecided(cell) => Reading::Unreadable,
            (Says::Status, Reading::Nothing) if status::is_over(cell) => Reading::Out(self.channels),
            (Says::Status, Reading::Nothing) if is_strict => status::read_strictly(cell, self.channels),
            (_, reading) => reading,
        }
    }

    /// What a cell of it says. An empty one says nothing.
    pub(crate) fn read(self, cell: &str) -> Reading {
        words::read(self, cell)
    }
}
