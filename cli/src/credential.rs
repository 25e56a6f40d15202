//! How a request authenticates to a stack: with a key, or with an AWS signature.

use clap::Args;
use ghl_sync_aws::RequestSigner;
use ghl_sync_engine::ports::Clock;
use ghl_sync_model::Secret;
use ghl_sync_runtime::SystemClock;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Request, Url};

use crate::{Failure, UsageError};

const KEY: &str = "GHL_SYNC_API_KEY";
/// Service name of API Gateway in signatures.
const SERVICE: &str = "execute-api";

/// Command-line options for the credential.
#[derive(Debug, Args)]
pub(crate) struct CredentialArgs {
    #[arg(long, env = "GHL_SYNC_API_KEY", hide = true, hide_env_values = true, default_value = "")]
    pub(crate) api_key: Secret,
    /// Sign each request with AWS credentials instead of sending a key, for a stack with ApiAuth=iam. They come from
    /// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; the region from the URL or AWS_REGION.
    #[arg(long, requires = "api")]
    pub(crate) sign: bool,
    #[arg(long, env = "AWS_ACCESS_KEY_ID", hide = true, hide_env_values = true, default_value = "")]
    aws_access_key_id: Secret,
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide = true, hide_env_values = true, default_value = "")]
    aws_secret_access_key: Secret,
    #[arg(long, env = "AWS_SESSION_TOKEN", hide = true, hide_env_values = true, default_value = "")]
    aws_session_token: Secret,
    #[arg(long, env = "AWS_REGION", hide = true, hide_env_values = true, default_value = "")]
    aws_region: String,
}

/// The credential of each request.
#[derive(Debug)]
pub(crate) enum Credential {
    Key(HeaderValue),
    Signature(RequestSigner),
}

impl CredentialArgs {
    /// The credential for requests to the stack at `base`.
    pub(crate) fn credential(&self, base: &str) -> Result<Credential, Failure> {
        let usage = |text: String| -> Failure { UsageError(text).into() };
        if self.sign {
            let (id, secret) = (self.aws_access_key_id.expose().trim(), self.aws_secret_access_key.expose().trim());
            if id.is_empty() || secret.is_empty() {
                return Err(usage("--sign: export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned()));
            }
            let told = Some(self.aws_region.trim().to_owned()).filter(|region| !region.is_empty());
            let region = region_of(base).or(told).ok_or_else(|| {
                usage(format!("--sign: {base} does not say which region it is in: export AWS_REGION"))
            })?;
            let session = Some(self.aws_session_token.expose().trim()).filter(|token| !token.is_empty());
            return Ok(Credential::Signature(RequestSigner::new(SERVICE, &region, (id, secret), session)));
        }
        if self.api_key.is_empty() {
            let advice = "or --sign, if it has ApiAuth=iam";
            return Err(usage(format!("no key: export {KEY}, a key of the stack's API (docs/API.md), {advice}")));
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", self.api_key.expose().trim()))
            .map_err(|_| usage(format!("{KEY} has a character that a header cannot carry")))?;
        bearer.set_sensitive(true);
        Ok(Credential::Key(bearer))
    }
}

impl Credential {
    /// Adds the credential to an otherwise complete request.
    pub(crate) fn put_into(&self, request: &mut Request) -> Result<(), Failure> {
        let signer = match self {
            Credential::Key(bearer) => {
                request.headers_mut().insert(AUTHORIZATION, bearer.clone());
                return Ok(());
            }
            Credential::Signature(signer) => signer,
        };
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let said: Vec<(&str, &str)> =
            request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
        let signed =
            signer.headers(request.method().as_str(), request.url().as_str(), &said, body, SystemClock.now())?;
        for (name, value) in signed {
            let mut value = HeaderValue::try_from(value)?;
            value.set_sensitive(true);
            request.headers_mut().insert(HeaderName::try_from(name)?, value);
        }
        Ok(())
    }

    /// Advice for when the stack refuses the credential with `status`.
    pub(crate) fn advice(&self, status: u16) -> &'static str {
        match (self, status) {
            (Credential::Key(_), 401) => {
                "\n  GHL_SYNC_API_KEY is no key of this stack, or no token that it takes (ApiAuth=jwt)"
            }
            (Credential::Key(_), 403) => {
                "\n  the key may not do this (docs/ACCESS.md); a stack with ApiAuth=iam takes no keys: --sign"
            }
            (Credential::Signature(_), 401 | 403) => {
                "\n  are the AWS credentials right, not expired, and allowed execute-api:Invoke (docs/ACCESS.md)? A stack \
                 with ApiAuth=key takes no signatures"
            }
            (_, 404) => "\n  is --location right? A location becomes known by its settings (docs/API.md)",
            _ => "",
        }
    }
}

/// The region in an API Gateway URL, `https://ID.execute-api.REGION.amazonaws.com`.
fn region_of(base: &str) -> Option<String> {
    let url = Url::parse(base).ok()?;
    let mut labels = url.host_str()?.split('.').skip_while(|label| *label != "execute-api");
    let (_, region) = (labels.next()?, labels.next()?);
    (labels.next() == Some("amazonaws")).then(|| region.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;

    /// A command line for a deployed stack.
    #[derive(Parser)]
    pub(crate) struct StackCommandLine {
        #[arg(long)]
        pub(crate) api: String,
        #[command(flatten)]
        pub(crate) credential: CredentialArgs,
    }

    fn signing(api: &str, id: &str, secret: &str, region: &str) -> StackCommandLine {
        let values = ["--aws-access-key-id", id, "--aws-secret-access-key", secret, "--aws-region", region];
        StackCommandLine::parse_from(["x", "--api", api, "--sign", "--aws-session-token", ""].into_iter().chain(values))
    }

    #[test]
    fn the_region_is_that_of_the_url_or_else_of_the_environment() {
        let cases = [
            ("https://a1.execute-api.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("https://a1.execute-api.cn-north-1.amazonaws.com.cn/", Some("cn-north-1")),
            ("https://sync.example.com", None),
            ("https://execute-api.example.com", None),
        ];
        for (url, region) in cases {
            assert_eq!(region_of(url).as_deref(), region, "{url}");
        }
        let region_with = |told| match signing("", "AKID", "s", told).credential.credential("https://sync.example.com")
        {
            Ok(Credential::Signature(signer)) => signer.region().to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(region_with("us-west-2"), "us-west-2");
        assert!(region_with("").contains("export AWS_REGION"));
        let unsigned = signing("", "", "s", "us-west-2").credential.credential("https://sync.example.com");
        assert!(unsigned.unwrap_err().to_string().contains("AWS_ACCESS_KEY_ID"));
    }
}
