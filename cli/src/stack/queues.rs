//! The queues of a stack, configured as in template.yaml.

use aws_sdk_sqs::types::QueueAttributeName::{QueueArn, RedrivePolicy, VisibilityTimeout};
use ghl_sync_engine::ports::BoxError;
use serde_json::json;

pub(super) const QUEUE: &str = "ghl-sync-batches";
const DEAD_LETTER_QUEUE: &str = "ghl-sync-batches-dead-letters";
const PARKING_QUEUE: &str = "ghl-sync-batches-parked";
const MIGRATION_QUEUE: &str = "ghl-sync-migrations";
const MIGRATION_DEAD_LETTER_QUEUE: &str = "ghl-sync-migrations-dead-letters";
const INGEST_QUEUE: &str = "ghl-sync-ingest";
const INGEST_DEAD_LETTER_QUEUE: &str = "ghl-sync-ingest-dead-letters";
const OUTCOMES_QUEUE: &str = "ghl-sync-outcomes";
const OUTCOMES_DEAD_LETTER_QUEUE: &str = "ghl-sync-outcomes-dead-letters";
const IMPORT_QUEUE: &str = "ghl-sync-imports";
const IMPORT_DEAD_LETTER_QUEUE: &str = "ghl-sync-imports-dead-letters";
/// `VisibilityTimeout` and `maxReceiveCount`, from template.yaml, of the queues that invoke a function. (The
/// migrations' queue has twice the timeout, as its function has twice the time.)
const VISIBILITY_TIMEOUT_S: &str = "360";
const MIGRATION_VISIBILITY_TIMEOUT_S: &str = "720";
const INGEST_VISIBILITY_TIMEOUT_S: &str = "420";
const IMPORT_VISIBILITY_TIMEOUT_S: &str = "1800";
const MAX_RECEIVE_COUNT: u32 = 5;
const DEAD_LETTER_MAX_RECEIVE_COUNT: u32 = 10;
const INGEST_MAX_RECEIVE_COUNT: u32 = 10;
const OUTCOMES_MAX_RECEIVE_COUNT: u32 = 15;

/// URLs of the queues.
pub(super) struct Queues {
    pub(super) batches: String,
    pub(super) dead_letters: String,
    pub(super) parked: String,
    pub(super) migrations: String,
    pub(super) ingest: String,
    pub(super) ingest_dead_letters: String,
    pub(super) outcomes: String,
    pub(super) imports: String,
}

/// Creates the queues as template.yaml does.
pub(super) async fn create_queues(sqs: &aws_sdk_sqs::Client) -> Result<Queues, BoxError> {
    let (parked, arn) = create_queue(sqs, PARKING_QUEUE, None).await?;
    let of_redrive = Some((arn, DEAD_LETTER_MAX_RECEIVE_COUNT, VISIBILITY_TIMEOUT_S));
    let (dead_letters, arn) = create_queue(sqs, DEAD_LETTER_QUEUE, of_redrive).await?;
    let of_consumer = Some((arn, MAX_RECEIVE_COUNT, VISIBILITY_TIMEOUT_S));
    let (batches, _) = create_queue(sqs, QUEUE, of_consumer).await?;
    let (_, arn) = create_queue(sqs, MIGRATION_DEAD_LETTER_QUEUE, None).await?;
    let of_migrator = Some((arn, MAX_RECEIVE_COUNT, MIGRATION_VISIBILITY_TIMEOUT_S));
    let (migrations, _) = create_queue(sqs, MIGRATION_QUEUE, of_migrator).await?;
    let (ingest_dead_letters, arn) = create_queue(sqs, INGEST_DEAD_LETTER_QUEUE, None).await?;
    let of_ingest = Some((arn, INGEST_MAX_RECEIVE_COUNT, INGEST_VISIBILITY_TIMEOUT_S));
    let (ingest, _) = create_queue(sqs, INGEST_QUEUE, of_ingest).await?;
    let (_, arn) = create_queue(sqs, OUTCOMES_DEAD_LETTER_QUEUE, None).await?;
    let of_notifier = Some((arn, OUTCOMES_MAX_RECEIVE_COUNT, VISIBILITY_TIMEOUT_S));
    let (outcomes, _) = create_queue(sqs, OUTCOMES_QUEUE, of_notifier).await?;
    let (_, arn) = create_queue(sqs, IMPORT_DEAD_LETTER_QUEUE, None).await?;
    let of_importer = Some((arn, MAX_RECEIVE_COUNT, IMPORT_VISIBILITY_TIMEOUT_S));
    let (imports, _) = create_queue(sqs, IMPORT_QUEUE, of_importer).await?;
    Ok(Queues { batches, dead_letters, parked, migrations, ingest, ingest_dead_letters, outcomes, imports })
}

/// Creates a queue. One that invokes a function moves messages received too often to another queue. Returns URL and
/// ARN.
async fn create_queue(
    sqs: &aws_sdk_sqs::Client,
    name: &str,
    put_aside: Option<(String, u32, &str)>,
) -> Result<(String, String), BoxError> {
    let mut request = sqs.create_queue().queue_name(name);
    if let Some((target, max_receive_count, visibility_timeout)) = put_aside {
        let redrive = json!({ "deadLetterTargetArn": target, "maxReceiveCount": max_receive_count }).to_string();
        request = request.attributes(RedrivePolicy, redrive).attributes(VisibilityTimeout, visibility_timeout);
    }
    let url = request.send().await?.queue_url.ok_or("the queue has no URL")?;
    let asked = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueArn).send().await?;
    let arn = asked.attributes.and_then(|mut attributes| attributes.remove(&QueueArn)).ok_or("the queue has no ARN")?;
    Ok((url, arn))
}
