//! Words for the status of a contact, which can appear in columns named like states.

use crate::name::key;

/// Words for the status of a list or lead, by [`key`].
const WORDS: &str = "active inactive open opened closed new pending live archived deleted removed bounced softbounced hardbounced \
    unconfirmed confirmed unverified verified enabled disabled valid invalid qualified unqualified contacted converted won lost \
    draft approved rejected complete completed incomplete inprogress nurturing lead prospect customer client trial trialing paid \
    unpaid pastdue canceled cancelled expired suspended blocked registered attended waiting onhold churned \
    activo activa inactivo inactiva abierto abierta cerrado cerrada nuevo nueva eliminado pendiente cancelado \
    actif active inactif ouvert fermé ferme nouveau supprimé enattente ativo inativo aberto fechado novo excluído pendente \
    attivo inattivo aperto chiuso nuovo eliminato aktiv inaktiv offen geschlossen neu gelöscht ausstehend actief inactief \
    gesloten nieuw verwijderd aktywny nieaktywny otwarty zamknięty nowy";
/// Those of them after which nothing may be sent.
const ENDS: &str = "deleted removed bounced softbounced hardbounced unconfirmed blocked suspended eliminado supprimé excluído \
    eliminato gelöscht verwijderd";

/// Whether a text is a status word and so not a state.
pub(crate) fn is_status(text: &str) -> bool {
    text.len() <= 20 && has(WORDS, text)
}

/// Whether it says that the contact has left a list.
pub(crate) fn is_end(text: &str) -> bool {
    text.len() <= 20 && has(ENDS, text)
}

fn has(words: &str, text: &str) -> bool {
    let word = key(text);
    words.split(' ').any(|known| known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_no_state() {
        for status in ["Active", "Hard bounced", "In progress", "Nuevo", "OPEN"] {
            assert!(is_status(status), "{status}");
        }
        for state in ["MA", "New York", "Nuevo León", "Maine", "CA", ""] {
            assert!(!is_status(state), "{state}");
        }
        assert!(WORDS.split(' ').all(|word| key(word) == word));
        assert!(is_end("Bounced") && !is_end("Active") && ENDS.split(' ').all(is_status));
    }
}
