//! `Debug` for options, without tokens and keys.

use std::fmt;

use crate::stack::StackOptions;

impl fmt::Debug for StackOptions {
    /// Prints only the names of the variables, because some of them are tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StackOptions {
            locations,
            api,
            own,
            limit,
            window_ms,
            daily,
            dry_run,
            function_timeout,
            data_dir,
            ghl,
            bind,
            allowed_hosts,
            access_key,
            port,
            oauth,
            vars,
        } = self;
        f.debug_struct("StackOptions")
            .field("locations", locations)
            .field("api", api)
            .field("own", own)
            .field("limit", limit)
            .field("window_ms", window_ms)
            .field("daily", daily)
            .field("dry_run", dry_run)
            .field("function_timeout", function_timeout)
            .field("data_dir", data_dir)
            .field("ghl", ghl)
            .field("bind", bind)
            .field("allowed_hosts", allowed_hosts)
            .field("access_key", access_key)
            .field("port", port)
            .field("oauth", oauth)
            .field("vars", &vars.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use clap::Parser;
    use ghl_sync_model::{Api, Secret};

    use crate::Cli;
    use crate::door::AccessKey;
    use crate::sandbox::{Installed, OAuthOptions, SandboxOptions, SandboxTokens};
    use crate::stack::{Ghl, OwnAccess, StackOptions};

    const TOKEN: &str = "pit-1f0c-hush";

    #[test]
    fn no_command_line_shows_a_token_or_a_key_that_it_was_given() {
        let at = ["--location", "loc", "--ghl-url", "https://ghl.example", "--token", TOKEN];
        let local = ["--ghl-url", "https://ghl.example", "--token", TOKEN];
        let accounts = ["--ghl-url", "https://ghl.example", "--source-token", TOKEN, "--target-token", TOKEN];
        let keys = ["--local-access-key-id", "LKIA", "--local-secret-access-key", TOKEN];
        let lines: [(&[&str], &[&str]); 9] = [
            (&["check"], &at),
            (&["plan", "list.csv"], &at),
            (&["import", "list.csv"], &at),
            (&["demo"], &local),
            (&["up"], &local),
            (&["up"], &keys),
            (&["sandbox"], &local),
            (&["pull", "--since", "2h"], &local),
            (&["migrate"], &accounts),
        ];
        for (command, options) in lines {
            let line = ["ghl-sync"].iter().chain(command).chain(options);
            let cli = Cli::try_parse_from(line).unwrap();
            for shown in [format!("{cli:?}"), format!("{cli:#?}")] {
                assert!(shown.contains("redacted") && !shown.contains("hush"), "{shown}");
            }
        }
    }

    #[test]
    fn no_option_of_a_stack_or_a_sandbox_shows_a_token_or_a_key() {
        let app = OAuthOptions {
            client_id: "app".to_owned(),
            client_secret: Secret::new(TOKEN),
            refresh_token: Secret::new(TOKEN),
            installed: Installed::Location("loc".to_owned()),
            lifetime: Duration::from_secs(5),
        };
        let per_location = BTreeMap::from([(TOKEN.to_owned(), "loc".to_owned())]);
        let tokens =
            [SandboxTokens::Any(TOKEN.to_owned()), SandboxTokens::PerLocation(per_location), SandboxTokens::OAuth(app)];
        let sandboxes =
            tokens.map(|tokens| Ghl::Sandbox(Box::new(SandboxOptions { tokens, ..SandboxOptions::default() })));
        let elsewhere = Ghl::Url { url: "https://ghl.example".to_owned(), token: Secret::new(TOKEN) };
        for ghl in sandboxes.into_iter().chain([elsewhere]) {
            let access = OwnAccess { api: Api::V2, token: Some(Secret::new(TOKEN)) };
            let options = StackOptions {
                own: BTreeMap::from([("loc".parse().unwrap(), access)]),
                ghl,
                access_key: Some(AccessKey { id: "LKIA".to_owned(), secret: Secret::new(TOKEN) }),
                vars: BTreeMap::from([("GHL_LOCATION_TOKENS".to_owned(), TOKEN.to_owned())]),
                ..StackOptions::default()
            };
            for shown in [format!("{options:?}"), format!("{options:#?}")] {
                assert!(shown.contains("GHL_LOCATION_TOKENS") && !shown.contains("hush"), "{shown}");
            }
        }
    }
}
