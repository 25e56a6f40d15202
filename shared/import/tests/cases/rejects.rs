//! Reject lists imported unchanged: a refusal by a heading, a title or another row stays a refusal.

use ghl_sync_import::report::Rejects;
use ghl_sync_import::{ByteSource, ImportOptions, RowOutcome, plan};

use crate::common::{ImportResult, import, list, us};

/// The reject list that the import of a list writes.
fn rejects(text: &[u8]) -> String {
    let text = text.to_vec();
    let plan = plan(&text as &dyn ByteSource, us()).unwrap();
    let mut rejects = Rejects::new(Vec::new(), plan.header()).unwrap();
    for outcome in plan.records(&text).unwrap() {
        match outcome.unwrap() {
            RowOutcome::Record(contact) => rejects.write(&contact.cells, &contact.dnd, &contact.problems).unwrap(),
            RowOutcome::HeldBack(row) => rejects.write(&row.cells, &row.dnd, &[row.problem]).unwrap(),
            RowOutcome::NotAPerson(_) => {}
        }
    }
    String::from_utf8(rejects.finish().unwrap()).unwrap()
}

fn open(told: &ImportResult) -> Vec<&str> {
    let open = told.contacts.iter().filter(|(_, contact)| contact.dnd.is_none() && contact.dnd_settings.is_none());
    open.filter_map(|(_, contact)| contact.email.as_deref()).collect()
}

#[test]
fn nobody_who_was_left_out_for_a_refusal_comes_in_open_by_the_list_of_rejects() {
    let lists = [
        "Name,Email,City\nAnn,a@x.co,Rome\nDO NOT CONTACT,,\nBo,b@x.co,Rome\n",
        "Name,Email,City\nAnn,a@x.co,Rome\nSTOP,STOP,STOP\nBo,b@x.co,Rome\n",
        "Email\na@x.co\nUnsubscribed\nb@x.co\n",
        "Opt-outs 2024,,\nFirst Name,Email,City\nAnn,a@x.co,Rome\n",
        "Email,First Name,Status\na@x.co,Ann,Subscribed\nb@x.co,Bo,Pending\nc@x.co,Cy,Unsubscribed\nd@x.co,Di,Unheard\n",
        "Email,First Name,Status,Birthday\na@x.co,Ann,Unsubscribed,1990-01-01\nb@x.co,Bo,Cancelled,no day\n",
        "Name,Email,Unsubscribed\nAnn,a@x.co,no\nAnn,\"a@x.co,yes\n",
        "Name,Email,Notes,Unsubscribed\nAnn,a@x.co,line one\nline two,yes\nBo,b@x.co,,no\n",
        "Name,Email,Unsubscribed\nAnn,a@x.co,yes\nAnn Lee,a@x.co,no\n",
        "Name,Email,Birthday,Unsubscribed\nAnn,a@x.co,no day,no\nAnn,a@x.co,,Email\n",
        "Email,First Name,Email Opt Out,SMS Opt Out\na@x.co,Ann,no,no\nEmail,First Name,SMS Opt Out,Email Opt Out\nb@x.co,Bo,no,yes\n",
    ];
    for text in lists {
        let mut again = rejects(text.as_bytes());
        for times in 1..=3 {
            let told = list(&again);
            assert_eq!(open(&told), [""; 0], "{text}\n{times} {again}");
            again = rejects(again.as_bytes());
        }
    }
}

#[test]
fn what_somebody_says_of_a_row_in_the_list_of_rejects_counts() {
    let text = rejects(b"Name,Email,City\nAnn,a@x.co,Rome\nDO NOT CONTACT,,\nBo,b@x.co,Rome\nCy,c@x.co,Oslo\n");
    assert_eq!(text.lines().next(), Some("Name,Email,City,_row,_column,_problem,_dnd"));
    let corrected: String =
        text.lines().map(|line| line.replacen("Bo,b@x.co", "Bo,bo@x.co", 1) + "\n").collect::<String>();
    assert_eq!(open(&list(&corrected)), [""; 0]);
    let answered = text.replacen(",?\n", ",no\n", 1).replacen(",?\n", ",yes\n", 1);
    let told = list(&answered);
    assert_eq!((open(&told), told.rows()), (vec!["b@x.co"], vec![3, 4]));
    assert_eq!(told.contact(4).dnd, Some(true));
}

#[test]
fn a_row_whose_own_cell_refuses_is_corrected_in_that_cell_alone() {
    let text = rejects(b"Name,Email,Consent\nAnn,a@x.co,perhaps\nBo (do not call),b@x.co,yes\n");
    let told = list(&text.replace("perhaps", "yes").replace("Bo (do not call)", "Bo"));
    assert_eq!(open(&told), ["a@x.co", "b@x.co"]);
}

#[test]
fn a_heading_keeps_nobody_out_whose_own_row_refuses_all() {
    let told = list("Unsubscribed,,\nName,Email,Unsubscribed\nAnn,a@x.co,yes\nBo,b@x.co,\n");
    assert_eq!((told.rows(), told.held(), told.contact(3).dnd), (vec![3], vec![4], Some(true)));
}

#[test]
fn what_keeps_a_row_from_being_read_holds_for_the_persons_other_rows() {
    let lists = [
        "Name,Email\nAnn,a@x.co\nAnn (do not contact),a@x.co\n",
        "Name,Email\nAnn,a@x.co\nAnn,a@x.co (unsubscribed)\n",
        "Name,Email\nAnn,a@x.co\nAnn,unsub: a@x.co\n",
        "Name,Email,Phone\nAnn,a@x.co,617-555-0111\nBo,,617-555-0111 DNC\n",
        "Name,Email,Phone\nAnn,a@x.co,617-555-0111\nAnn,a@x.co,no\n",
        "Name,Email,DND\nAnn,a@x.co,no\nAnn,\"a@x.co,yes\n",
        "Name,Email,DND\nAnn,a@x.co,no\nAnn,x,a@x.co,yes\n",
        "Name,Email,DND\nAnn,a@x.co,no\na@x.co,,yes\n",
        "Name,Email,Status\nAnn,a@x.co,Subscribed\nBo,b@x.co,Unsubscribed\nAnn,a@x.co,Pending\nBo,b@x.co,Subscribed\n",
        "Name,Email,Company\nAnn,a@x.co,Acme\nAnn,a@x.co,DO NOT CONTACT\n",
        "Name,Email,DND\nAnn,a@x.co,\nBo,b@x.co; a@x.co,yes\n",
        "Name,Email,Additional Emails,DND\nAnn,a@x.co,,\nBo,b@x.co,a@x.co,yes\n",
        "Name,Email,Phone 1,Phone 2,DND\nAnn,a@x.co,617-555-0111,,\nBo,b@x.co,,617-555-0111,yes\n",
    ];
    for text in lists {
        assert_eq!(open(&list(text)), [""; 0], "{text}");
    }
    let text = "Name,Email,Phone\nAnn,a@x.co,\nBo (do not call),b@x.co,\nCy,,617-555-0111\n";
    assert_eq!(open(&list(text)), ["a@x.co"]);
    let merged = ImportOptions { same_person: ghl_sync_import::SamePerson::MergeFirst, ..us() };
    let told = import(b"Name,Email\nAnn,a@x.co\nAnn (do not contact),a@x.co\n", merged).unwrap();
    assert_eq!(open(&told), [""; 0]);
}
