//! Tests of consent words.

use super::*;

fn read_as(says: Says, channels: Channels, cell: &str) -> ConsentReading {
    read(ConsentColumn { says, channels }, cell)
}

#[test]
fn a_yes_to_an_opt_out_is_one_and_a_no_is_none() {
    for cell in [
        "1",
        "TRUE",
        "Yes",
        "X",
        "✓",
        "opted out",
        "Opt-Out",
        "unsubscribed",
        "2024-05-01",
        "2024-03-01 10:22:11",
        "Do Not Contact",
        "Ja",
        "1714521600",
        "May 1, 2024",
    ] {
        assert_eq!(read_as(Says::OptOut, Channels::EMAIL, cell), ConsentReading::Out(Channels::EMAIL), "{cell}");
    }
    for cell in
        ["", "0", "No", "false", "N/A", "-", "0000-00-00 00:00:00", "opted in", "Subscribed", "NULL", "Allow", "none"]
    {
        assert_eq!(read_as(Says::OptOut, Channels::EMAIL, cell), ConsentReading::Nothing, "{cell}");
    }
}

#[test]
fn channels_in_a_cell_are_those_that_are_closed() {
    let cases = [
        ("Email", Channels::EMAIL),
        ("SMS,Call", Channels::SMS.and(Channels::CALL)),
        ("Emails & Text Messages", Channels::EMAIL.and(Channels::SMS)),
        ("All", Channels::ALL),
        ("Calls and Voicemails", Channels::CALL),
    ];
    for (cell, channels) in cases {
        assert_eq!(read_as(Says::OptOut, Channels::ALL, cell), ConsentReading::Out(channels), "{cell}");
    }
}

#[test]
fn a_no_to_an_opt_in_is_an_opt_out() {
    for cell in ["No", "0", "false", "opted out", "Unsubscribed", "withdrawn", "Nein", "No, thanks", "I do not agree"] {
        assert_eq!(read_as(Says::OptIn, Channels::SMS, cell), ConsentReading::Out(Channels::SMS), "{cell}");
    }
    for cell in ["Yes", "1", "subscribed", "2024-05-01", "", "Yes, please", "I agree to receive mails", "Sì"] {
        assert_eq!(read_as(Says::OptIn, Channels::SMS, cell), ConsentReading::Nothing, "{cell}");
    }
}

#[test]
fn a_status_is_an_opt_out_only_where_it_says_so() {
    for cell in ["Unsubscribed", "Opted Out", "Do not call", "DNC", "Cleaned", "Unsubscribed (2024)"] {
        assert!(matches!(read_as(Says::Status, Channels::ALL, cell), ConsentReading::Out(_)), "{cell}");
    }
    for cell in ["subscribed", "Active", "Yes"] {
        assert_eq!(read_as(Says::Subscription, Channels::EMAIL, cell), ConsentReading::Nothing, "{cell}");
    }
    for cell in ["no_consent", "Non-marketing contact", "No", "none", "Transactional"] {
        assert!(matches!(read_as(Says::Subscription, Channels::EMAIL, cell), ConsentReading::Out(_)), "{cell}");
    }
    assert_eq!(read_as(Says::Subscription, Channels::EMAIL, "pending"), ConsentReading::Unreadable);
    assert_eq!(read_as(Says::Status, Channels::EMAIL, "pending"), ConsentReading::Unreadable);
    for cell in ["New", "Active", "Customer", "Subscribed", "Inactive"] {
        assert_eq!(read_as(Says::Status, Channels::ALL, cell), ConsentReading::Nothing, "{cell}");
    }
}

#[test]
fn what_cannot_be_read_is_not_guessed() {
    for cell in ["maybe", "ask Bob", "2", "?", "pending", "yes, but not by phone"] {
        assert_eq!(read_as(Says::OptOut, Channels::ALL, cell), ConsentReading::Unreadable, "{cell}");
        assert_eq!(read_as(Says::OptIn, Channels::ALL, cell), ConsentReading::Unreadable, "{cell}");
    }
}
