//! Alerts and digests while locations work, fail and recover.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_alerts::{AlertOrigin, AlertPorts, AlertRules, Alerts, Announcement, Announcer, Audience};
use ghl_sync_engine::ports::{Clock, PortError, StoredSettings};
use ghl_sync_model::{Contact, EpochMs, LocationId, Payload, PutRecord, RecordId, SettingsOverlay};
use ghl_sync_testkit::{CallFault, Setup, World, block_on_paused};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Accepts messages, or refuses them.
#[derive(Default)]
struct People {
    heard: Mutex<Vec<Announcement>>,
    are_away: Mutex<bool>,
}

#[async_trait]
impl Announcer for People {
    async fn announce(&self, message: &Announcement) -> Result<(), PortError> {
        if *self.are_away.lock().unwrap() {
            return Err(PortError::new("alerts.publish", "nobody answers"));
        }
        self.heard.lock().unwrap().push(message.clone());
        Ok(())
    }
}

impl People {
    fn hear(&self) -> Vec<Announcement> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

struct Stack {
    world: Arc<World>,
    alerts: Alerts,
    people: Arc<People>,
}

/// Locations `a` to `c`: `a` has a name of our own, and all but `c` have a tag.
fn start() -> Stack {
    let locations = ["a", "b", "c"].into_iter().filter_map(Setup::settings).collect();
    let mut setup = Setup { locations, ..Setup::default() };
    for (id, settings) in &mut setup.locations {
        settings.labels.tags = if id.as_str() == "c" { Vec::new() } else { vec!["dentists".to_owned()] };
    }
    setup.locations.get_mut(&id("a")).unwrap().labels.name = Some("Praxis Köln".to_owned());
    let world = setup.start();
    let people = Arc::<People>::default();
    let to: Arc<dyn Announcer> = people.clone();
    let ports =
        AlertPorts { alerts_to: Some(to.clone()), digests_to: Some(to), ..AlertPorts::of(world.engine.ports()) };
    let place = AlertOrigin { stack: "prod".to_owned(), dashboard: Some("https://api.example/dashboard".to_owned()) };
    Stack { alerts: Alerts::new(ports, AlertRules::default(), place), world, people }
}

fn id(name: &str) -> LocationId {
    LocationId::new(name).unwrap()
}

impl Stack {
    /// Puts contacts `from` to `to` of `location`, and waits until each has succeeded or failed.
    async fn sync(&self, location: &str, from: usize, to: usize) {
        let put = |n: usize| {
            let email = Some(format!("{location}{n}@example.test"));
            let contact = Payload::Contact(Contact { email, ..Contact::default() });
            PutRecord::new(id(location), RecordId::new(format!("{n}")).unwrap(), contact)
        };
        self.world.put(&(from..to).map(put).collect::<Vec<_>>()).await.unwrap();
        self.world.run_until_settled(10 * MINUTE).await.unwrap();
        self.world.run_for(2 * MINUTE).await;
    }

    /// GHL rejects one of every `one_in` calls for `location`.
    fn refuses(&self, location: &'static str, one_in: u64) {
        let refused = move |number: u64| one_in > 0 && number.is_multiple_of(one_in);
        self.world.ghl.on_call(move |seen| {
            (seen.location.as_str() == location && refused(seen.number)).then(|| CallFault::status(400))
        });
    }

    /// Sets the expiry of the credentials of `location`.
    async fn ends(&self, location: &str, at: Option<EpochMs>) {
        self.change(location, |set| set.credentials_expire_at = at).await;
    }

    /// Changes the settings of `location`, as an operator does.
    async fn change(&self, location: &str, change: impl FnOnce(&mut SettingsOverlay)) {
        let registry = &self.world.engine.ports().registry;
        let StoredSettings { rev, mut overlay, .. } = registry.stored(&id(location)).await.unwrap().unwrap();
        change(&mut overlay);
        registry.store(&id(location), rev, &overlay).await.unwrap();
        self.world.engine.tell_standing(&id(location)).await.unwrap();
    }

    async fn look(&self) -> Vec<Announcement> {
        self.alerts.look().await.unwrap();
        self.people.hear()
    }
}

#[test]
fn a_location_where_many_fail_is_named_once_with_a_link_to_it_and_told_again_when_it_is_over() {
    block_on_paused(async {
        let stack = start();
        assert_eq!(stack.look().await, []);
        stack.refuses("a", 3);
        stack.sync("a", 0, 60).await;
        stack.sync("b", 0, 60).await;
        let told = stack.look().await;
        let [message] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(message.subject, "prod: too many records fail: a");
        assert_eq!(message.audience, Audience::Stack);
        assert!(message.text.contains("Praxis Köln (a): 20 of 60 records failed within an hour."), "{}", message.text);
        assert!(message.text.contains("https://api.example/dashboard#/a\n"), "{}", message.text);
        assert!(!message.text.contains("example.test") && !message.text.contains("(b)"), "{}", message.text);
        stack.world.run_for(5 * MINUTE).await;
        assert_eq!(stack.look().await, [], "it is told once");
        stack.world.run_for(HOUR).await;
        let over = stack.look().await;
        assert_eq!(over[0].subject, "prod: over: 1 alert");
        assert!(over[0].text.contains("Over:\n- Praxis Köln (a): too many records failed, since "), "{}", over[0].text);
    });
}

#[test]
fn credentials_that_end_within_a_week_are_told_once_and_again_when_they_are_renewed() {
    block_on_paused(async {
        let stack = start();
        let day = 24 * HOUR;
        let end = stack.world.clock.now() + 7 * day + 10 * MINUTE;
        stack.ends("a", Some(end)).await;
        stack.ends("c", Some(end + day)).await;
        assert_eq!(stack.look().await, [], "there is time yet");
        stack.world.run_for(15 * MINUTE).await;
        let told = stack.look().await;
        let [message] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(message.subject, "prod: credentials end soon: a");
        assert!(message.text.contains("Praxis Köln (a): its credentials end on "), "{}", message.text);
        assert!(message.text.contains("#/a\n") && !message.text.contains("(c)"), "{}", message.text);
        assert_eq!(stack.look().await, [], "it is told once");
        stack.ends("a", Some(end + 300 * day)).await;
        let over = stack.look().await;
        assert!(
            over[0].text.contains("Over:\n- Praxis Köln (a): its credentials were about to end"),
            "{}",
            over[0].text
        );
        // Expired credentials raise an alert too, but not for a location that is switched off.
        stack.ends("b", Some(stack.world.clock.now())).await;
        stack.world.run_for(MINUTE).await;
        assert!(stack.look().await[0].text.contains("b: its credentials ended on "));
        stack.change("b", |set| set.enabled = Some(false)).await;
        assert_eq!(stack.look().await[0].subject, "prod: over: 1 alert");
        stack.ends("b", None).await;
        assert_eq!(stack.look().await, []);
    });
}

#[test]
fn a_single_bad_record_is_nobodys_alert() {
    block_on_paused(async {
        let stack = start();
        stack.refuses("a", 50);
        stack.sync("a", 0, 60).await;
        stack.sync("b", 0, 5).await;
        assert_eq!(stack.look().await, []);
    });
}

#[test]
fn what_nobody_took_is_told_by_the_next_look() {
    block_on_paused(async {
        let stack = start();
        stack.world.ghl.on_call(|seen| (seen.location.as_str() == "b").then(|| CallFault::status(401)));
        stack.sync_without_end("b").await;
        *stack.people.are_away.lock().unwrap() = true;
        let failed = stack.alerts.look().await.unwrap_err();
        assert_eq!(failed.action, "alerts.publish");
        *stack.people.are_away.lock().unwrap() = false;
        let told = stack.look().await;
        assert_eq!(told[0].subject, "prod: token refused: b");
        assert!(
            told[0].text.contains("b: GoHighLevel does not accept the token. Nothing is sent."),
            "{}",
            told[0].text
        );
        assert_eq!(stack.look().await, []);
    });
}

#[test]
fn a_digest_tells_the_stack_each_tag_and_each_location_what_was_sent_since_the_last_one() {
    block_on_paused(async {
        let stack = start();
        stack.refuses("a", 10);
        stack.sync("a", 0, 40).await;
        stack.sync("b", 0, 10).await;
        let told = stack.digest().await;
        let audiences: Vec<&Audience> = told.iter().map(|message| &message.audience).collect();
        let location = |name| Audience::Location(id(name));
        assert_eq!(
            audiences,
            [&Audience::Stack, &Audience::Tag("dentists".to_owned()), &location("a"), &location("b")]
        );
        assert_eq!(told[0].subject, "prod: 46 accepted, 4 failed");
        assert!(
            told[0].text.starts_with("2 locations, since the beginning:\n- accepted by GoHighLevel: 46\n"),
            "{}",
            told[0].text
        );
        assert!(
            told[0].text.contains("Praxis Köln (a): 36 accepted, 4 failed\n  4 stand as failed\n"),
            "{}",
            told[0].text
        );
        assert_eq!(told[3].subject, "prod: 10 accepted, 0 failed (b)");

        stack.refuses("a", 0);
        stack.sync("b", 10, 13).await;
        let told = stack.digest().await;
        assert_eq!(told[0].subject, "prod: 3 accepted, 0 failed");
        let of_a = told.iter().find(|message| message.audience == location("a")).unwrap();
        assert!(
            of_a.text.contains("accepted by GoHighLevel: 0") && of_a.text.contains("4 stand as failed"),
            "{}",
            of_a.text
        );
    });
}

#[test]
fn a_digest_that_nobody_took_is_made_good_by_the_next_one() {
    block_on_paused(async {
        let stack = start();
        stack.sync("b", 0, 10).await;
        *stack.people.are_away.lock().unwrap() = true;
        stack.alerts.digest().await.unwrap_err();
        *stack.people.are_away.lock().unwrap() = false;
        stack.sync("b", 10, 15).await;
        assert_eq!(stack.digest().await[0].subject, "prod: 15 accepted, 0 failed");
        let quiet = stack.digest().await;
        assert_eq!((quiet.len(), quiet[0].subject.as_str()), (2, "prod: 0 accepted, 0 failed"), "stack and tag");
    });
}

impl Stack {
    async fn digest(&self) -> Vec<Announcement> {
        self.alerts.digest().await.unwrap();
        self.people.hear()
    }

    /// Puts contacts of `location` that cannot be sent.
    async fn sync_without_end(&self, location: &str) {
        let contact = Payload::Contact(Contact { email: Some("x@example.test".to_owned()), ..Contact::default() });
        let put = PutRecord::new(id(location), RecordId::new("x").unwrap(), contact);
        self.world.put(&[put]).await.unwrap();
        self.world.run_for(2 * MINUTE).await;
    }
}
