//! Words in the status of a subscription.

use super::remarks::is_opt_out_or_says_so;
use super::text::{letters, words};

/// Whether somebody has neither agreed nor refused yet; also in longer words, such as `PendingOptIn` and `Subscribed
/// (pending)`.
pub(super) fn is_undecided(cell: &str) -> bool {
    const WHOLE: &[&str] = &["unknown", "held", "temphold", "temporaryhold", "onhold", "hold", "invalidated"];
    const PARTS: &[&str] = &[
        "pending",
        "await",
        "unconfirm",
        "notconfirm",
        "notyet",
        "requested",
        "invited",
        "invitationsent",
        "unverified",
        "notverified",
        "validating",
        "tobeconfirmed",
        "toconfirm",
        "ausstehend",
        "unbestätigt",
        "nichtbestätigt",
        "enattente",
        "nonconfirm",
        "pendiente",
        "inattesa",
        "pendente",
        "nietbevestigd",
        "oczekuj",
        "niepotwierdz",
        "beklemede",
    ];
    let word = letters(cell);
    WHOLE.contains(&word.as_str()) || PARTS.iter().any(|part| word.contains(part))
}

/// Whether a status word is about agreeing: then an undecided person has not agreed.
pub(super) fn is_about_agreeing(word: &str) -> bool {
    ["optin", "optedin", "subscri", "consent", "abonn", "einwilligung"].iter().any(|part| word.contains(part))
}

/// Whether a text says that somebody is subscribed, unsubscribed or undecided.
pub(crate) fn speaks_of_subscription(text: &str) -> bool {
    let lower = text.to_lowercase();
    is_of_subscription(&lower) || is_opt_out_or_says_so(&lower)
}

pub(super) fn is_of_subscription(cell: &str) -> bool {
    const WORDS: &[&str] = &[
        "subscribed",
        "unsubscribed",
        "nonsubscribed",
        "cleaned",
        "optedin",
        "optedout",
        "abonniert",
        "abgemeldet",
        "nichtabonniert",
        "suscrito",
        "nosuscrito",
        "dadodebaja",
        "abonné",
        "désabonné",
        "nonabonné",
        "inscrito",
        "iscritto",
        "disiscritto",
        "descadastrado",
        "bounced",
        "complained",
        "validating",
        "odhlášen",
        "odhlásený",
        "přihlášen",
        "leiratkozott",
        "feliratkozott",
        "dezabonat",
        "abonat",
        "afmeldt",
        "tilmeldt",
        "退订",
        "已退订",
        "退訂",
        "配信停止",
        "配信中",
    ];
    WORDS.contains(&letters(cell).as_str())
}

/// Whether a text says "subscribed". A column that holds it is about subscriptions only.
pub(super) fn is_subscribed(cell: &str) -> bool {
    ["subscribed", "optedin", "abonniert", "abonné", "suscrito", "iscritto", "přihlášen", "feliratkozott", "tilmeldt"]
        .contains(&letters(cell).as_str())
}

/// Whether a subscription is over, in a column about subscriptions: `Cancelled`, `Opted-in (expired)`.
pub(super) fn is_over(cell: &str) -> bool {
    const WORDS: &[&str] = &[
        "cancelled",
        "canceled",
        "inactive",
        "archived",
        "deleted",
        "blocked",
        "disabled",
        "expired",
        "lapsed",
        "ended",
        "junk",
        "suspended",
        "deactivated",
        "quarantined",
        "objection",
        "objected",
        "transactional",
        "paused",
        "terminated",
        "forbidden",
        "prohibited",
        "halted",
        "disallowed",
        "withdrawn",
        "revoked",
        "refused",
        "declined",
        "rejected",
        "bounced",
        "removed",
        "stopped",
        "stop",
        "unsub",
        "suppressed",
        "closed",
        "gekündigt",
        "inaktiv",
        "gelöscht",
        "deaktiviert",
        "pausiert",
        "résilié",
        "annulé",
        "désactivé",
        "suspendu",
        "inactivo",
        "suspendido",
        "pausado",
        "inattivo",
        "sospeso",
        "opgezegd",
        "gepauzeerd",
        "inactief",
        "never",
        "niemals",
        "jamais",
        "nunca",
        "nooit",
        "nigdy",
    ];
    let lower = cell.to_lowercase();
    words(&lower).any(|word| WORDS.contains(&word))
}
