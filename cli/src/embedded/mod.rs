//! AWS services within this process, spoken to over HTTP by the real SDKs.

mod dynamodb;
mod s3;
mod secrets;
mod sqs;

pub(crate) use dynamodb::{DynamoDb, DynamoDbError, Tables};
pub(crate) use s3::{BUCKET, S3, Told};
pub(crate) use secrets::Secrets;
pub(crate) use sqs::Sqs;
