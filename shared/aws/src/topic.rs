//! Messages to people, through an SNS topic.

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ghl_sync_alerts::{Announcement, Announcer};
use ghl_sync_engine::ports::{Clock, PortError};

use crate::client::AwsConfig;
use crate::signed::{OperationSpec, Protocol, SignedOperation};

const PUBLISH: OperationSpec<()> = OperationSpec {
    service: "sns",
    target: "Publish",
    protocol: Protocol::Query,
    read: |_| Some(()),
    unread: "no answer",
};
/// The API version, which every request names.
const VERSION: &str = "2010-03-31";

/// Implements [`Announcer`] with an SNS topic. Message attributes name the recipients, so that subscriptions can
/// filter.
pub struct SnsTopic {
    arn: String,
    config: AwsConfig,
    clock: Arc<dyn Clock>,
    /// Created for the first message: most invocations send none, and start sooner without it.
    publish: OnceLock<SignedOperation<()>>,
}

impl SnsTopic {
    /// Uses the topic with this ARN in `config`'s region. `clock` dates the signatures.
    #[must_use]
    pub fn new(config: &AwsConfig, arn: impl Into<String>, clock: Arc<dyn Clock>) -> SnsTopic {
        SnsTopic { arn: arn.into(), config: config.clone(), clock, publish: OnceLock::new() }
    }
}

impl fmt::Debug for SnsTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnsTopic").field("arn", &self.arn).finish_non_exhaustive()
    }
}

#[async_trait]
impl Announcer for SnsTopic {
    async fn announce(&self, message: &Announcement) -> Result<(), PortError> {
        let publish = self.publish.get_or_init(|| {
            SignedOperation::new(PUBLISH, &self.config, self.config.sns_endpoint.as_deref(), self.clock.clone())
        });
        let answer = publish.call_with(self.form(message)).await;
        answer.map_err(|error| PortError::new("alerts.publish", error))
    }
}

impl SnsTopic {
    fn form(&self, message: &Announcement) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", PUBLISH.target).append_pair("Version", VERSION).append_pair("TopicArn", &self.arn);
        form.append_pair("Subject", &message.subject).append_pair("Message", &message.text);
        for (place, (name, value)) in message.audience.attributes().into_iter().enumerate() {
            let entry = |part| format!("MessageAttributes.entry.{}.{part}", place + 1);
            form.append_pair(&entry("Name"), name).append_pair(&entry("Value.DataType"), "String");
            form.append_pair(&entry("Value.StringValue"), value);
        }
        form.finish()
    }
}
