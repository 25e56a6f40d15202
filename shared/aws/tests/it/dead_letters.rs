//! Dead-letter messages, from the queue in which they died to the parking queue.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use ghl_sync_aws::{AwsConfig, DeadLetterQueueUrls, SqsDeadLetters};
use ghl_sync_engine::ports::{DeadLetterQueue, DeadLetters, TakenDeadLetter};
use ghl_sync_model::DeadLetter;

use crate::servers;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_message_that_nobody_acknowledges_is_a_letter_that_tells_where_and_how_it_died() {
    let queues = Queues::new().await;
    queues.die("not a batch").await;
    assert_eq!(queues.letters.depth().await.unwrap(), Some(1));
    let taken = queues.take(DeadLetterQueue::Dead).await;
    let DeadLetter { id, body, sent_at, receives, source } = &taken[0].letter;
    assert_eq!((body.as_str(), source.as_deref(), *receives), ("not a batch", Some("batches"), Some(1)));
    assert!(!id.is_empty() && sent_at.is_some());
    assert_eq!(queues.letters.depth().await.unwrap(), Some(1), "who has taken it has not emptied the queue");
}

#[tokio::test]
async fn a_letter_is_hidden_from_others_until_it_is_put_back_and_gone_when_it_is_deleted() {
    let queues = Queues::new().await;
    queues.die("m").await;
    let taken = queues.take(DeadLetterQueue::Dead).await;
    assert!(queues.take(DeadLetterQueue::Dead).await.is_empty());
    queues.letters.put_back(&taken[0].receipt).await.unwrap();
    let again = queues.take(DeadLetterQueue::Dead).await;
    assert_eq!(again[0].letter.id, taken[0].letter.id);
    queues.letters.delete(&again[0].receipt).await.unwrap();
    queues.letters.delete(&again[0].receipt).await.unwrap();
    assert_eq!(queues.letters.depth().await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_parked_letter_says_what_it_said_and_names_what_it_was() {
    let queues = Queues::new().await;
    let letter = DeadLetter {
        id: "8f2c6ec8".to_owned(),
        body: "{\"v\":1,\"Zoë\"".to_owned(),
        sent_at: None,
        receives: None,
        source: Some("batches".to_owned()),
    };
    queues.letters.park(&letter).await.unwrap();
    let parked = queues.client.receive_message().queue_url(queues.urls.parked.as_ref().unwrap());
    let parked = parked.message_attribute_names("All").visibility_timeout(0).send().await.unwrap().messages.unwrap();
    let attributes = parked[0].message_attributes.as_ref().unwrap();
    let of = |name: &str| attributes[name].string_value.as_deref().unwrap();
    assert_eq!((of("DiedAs"), of("DiedIn")), ("8f2c6ec8", "batches"));
    assert_eq!(queues.take(DeadLetterQueue::Parked).await[0].letter.body, letter.body);
    assert_eq!(queues.letters.depth().await.unwrap(), Some(1));
}

#[tokio::test]
async fn no_more_letters_are_taken_than_were_asked_for() {
    let queues = Queues::new().await;
    let letter = |n: u32| DeadLetter { body: n.to_string(), ..queues.letter() };
    for n in 0..12 {
        queues.letters.park(&letter(n)).await.unwrap();
    }
    let first = queues.letters.take(DeadLetterQueue::Parked, 3, MINUTE).await.unwrap();
    let rest = queues.letters.take(DeadLetterQueue::Parked, 1000, MINUTE).await.unwrap();
    assert_eq!((first.len(), rest.len()), (3, 9));
}

#[tokio::test]
async fn without_queues_nobody_knows_how_many_there_are_and_the_variable_that_is_missing_is_named() {
    let queues = Queues::new().await;
    let letters = SqsDeadLetters::new(queues.client.clone(), DeadLetterQueueUrls::default());
    assert_eq!(letters.depth().await.unwrap(), None);
    let error = letters.park(&queues.letter()).await.unwrap_err();
    assert_eq!(error.source.to_string(), "PARKING_QUEUE_URL is not set");
    let error = letters.take(DeadLetterQueue::Dead, 1, MINUTE).await.unwrap_err();
    assert_eq!(error.source.to_string(), "DEAD_LETTER_QUEUE_URL is not set");
}

struct Queues {
    client: Client,
    batches: String,
    urls: DeadLetterQueueUrls,
    letters: SqsDeadLetters,
}

impl Queues {
    async fn new() -> Queues {
        let sqs_endpoint = Some(format!("http://{}", servers::sqs().await));
        let client = AwsConfig { sqs_endpoint, ..servers::config() }.sqs();
        let dead = client.create_queue().queue_name("dead").send().await.unwrap().queue_url.unwrap();
        let parked = client.create_queue().queue_name("parked").send().await.unwrap().queue_url.unwrap();
        let asked = client.get_queue_attributes().queue_url(&dead).attribute_names(QueueAttributeName::QueueArn);
        let arn = asked.send().await.unwrap().attributes.unwrap().remove(&QueueAttributeName::QueueArn).unwrap();
        let redrive = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":5}}"#);
        let batches = client.create_queue().queue_name("batches");
        let batches = batches.attributes(QueueAttributeName::RedrivePolicy, redrive);
        let batches = batches.send().await.unwrap().queue_url.unwrap();
        let urls = DeadLetterQueueUrls { dead: Some(dead), parked: Some(parked) };
        let letters = SqsDeadLetters::new(client.clone(), urls.clone());
        Queues { client, batches, urls, letters }
    }

    /// Sends a message, and receives it until SQS moves it to the dead-letter queue.
    async fn die(&self, body: &str) {
        self.client.send_message().queue_url(&self.batches).message_body(body).send().await.unwrap();
        for _ in 0..6 {
            let request = self.client.receive_message().queue_url(&self.batches).visibility_timeout(0);
            request.send().await.unwrap();
        }
    }

    async fn take(&self, queue: DeadLetterQueue) -> Vec<TakenDeadLetter> {
        self.letters.take(queue, 10, MINUTE).await.unwrap()
    }

    fn letter(&self) -> DeadLetter {
        DeadLetter { id: "m".to_owned(), body: "b".to_owned(), sent_at: None, receives: None, source: None }
    }
}
