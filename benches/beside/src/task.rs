//! The task: create contacts for a list of people in one location.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ghl_sync_model::Contact;
use serde_json::{Value, json};

/// The location.
pub(crate) const LOCATION: &str = "loc_demo";

/// A person to create. All contenders send the same four fields.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
    pub(crate) phone: String,
}

impl Person {
    /// The body of `POST /contacts/upsert`.
    pub(crate) fn body(&self) -> Value {
        json!({
            "locationId": LOCATION,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "email": self.email,
            "phone": self.phone,
        })
    }

    pub(crate) fn contact(&self) -> Contact {
        Contact {
            first_name: Some(self.first_name.clone()),
            last_name: Some(self.last_name.clone()),
            email: Some(self.email.clone()),
            phone: Some(self.phone.clone()),
            ..Contact::default()
        }
    }
}

/// Generates `count` people.
pub(crate) fn people(count: u32) -> Vec<Person> {
    (0..count)
        .map(|number| Person {
            id: format!("person-{number}"),
            first_name: "Ada".to_owned(),
            last_name: format!("Number {number}"),
            email: format!("ada.{number}@example.com"),
            phone: format!("+1202555{number:04}"),
        })
        .collect()
}

/// The remaining people, shared by all workers.
#[derive(Debug)]
pub(crate) struct Todo(Mutex<VecDeque<Person>>);

impl Todo {
    pub(crate) fn new(people: &[Person]) -> Arc<Todo> {
        Arc::new(Todo(Mutex::new(people.iter().cloned().collect())))
    }

    pub(crate) fn next(&self) -> Option<Person> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
