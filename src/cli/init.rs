//! `coconnect init`: a folder from which a gateway can be served.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::out::{self, Exit, Failure};
use crate::base::RealClock;
use crate::base::id::{Environment, PartnerId};
use crate::gateway::init::{self, Plan};

/// Make a gateway: configuration, keys, development CA, and the offer for partners.
#[derive(Debug, Args)]
#[command(
    after_help = "The offer DIR/partner.toml goes to the other side, which runs: coconnect partner add --file partner.toml\n\nEXAMPLES:\n  coconnect init --country KR --domain customs.go.kr --dir kr\n  coconnect init --country ID --domain beacukai.go.id --dir id --ca kr/keys --listen 127.0.0.1:9443 --public-url https://localhost:9443 --suite p256"
)]
pub struct Init {
    /// Territory, two letters of ISO 3166-1.
    #[arg(long)]
    country: String,
    /// Domain of the endpoint https://{environment}.coconnect.{domain}/{operation}.
    #[arg(long)]
    domain: String,
    /// Folder to make.
    #[arg(long)]
    dir: PathBuf,
    /// Our id as partners name us. Default: the country.
    #[arg(long)]
    id: Option<String>,
    /// dev or test; certificates for prod come from the agreed authority.
    #[arg(long, default_value = "dev")]
    environment: String,
    /// Address and port that partners connect to.
    #[arg(long, default_value = "0.0.0.0:8443", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Public base URL. Default: the endpoint pattern.
    #[arg(long)]
    public_url: Option<String>,
    /// Network from which partners see us call; repeatable.
    #[arg(long = "address", value_name = "CIDR", default_values = ["127.0.0.1/32", "::1/128"])]
    addresses: Vec<String>,
    /// Address and port of the local HTTP API; loopback. Default: the admin socket alone.
    #[arg(long, value_name = "ADDRESS:PORT")]
    local_api: Option<SocketAddr>,
    /// Kind of keys.
    #[arg(long, value_enum, default_value = "rsa2048")]
    suite: Suite,
    /// Folder with ca.crt and ca.key of an existing development CA. Default: a new one.
    #[arg(long, value_name = "DIR")]
    ca: Option<PathBuf>,
    /// Print what was made as JSON.
    #[arg(long)]
    json: bool,
}

/// Kinds of keys.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Suite {
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// The curve P-256.
    P256,
}

impl From<Suite> for init::Suite {
    fn from(suite: Suite) -> Self {
        match suite {
            Suite::Rsa2048 => Self::Rsa2048,
            Suite::Rsa3072 => Self::Rsa3072,
            Suite::P256 => Self::P256,
        }
    }
}

pub(super) fn run(args: &Init) -> Result<Exit, Failure> {
    let plan = plan(args)?;
    let made = init::init(&plan, &RealClock::new()).map_err(|e| {
        let failure = Failure::refused(out::chain(&e));
        match e {
            init::Error::Config(_)
            | init::Error::Address(_)
            | init::Error::Write { .. }
            | init::Error::Pki { .. } => Failure { exit: Exit::Usage, ..failure },
            init::Error::Exists { .. } => failure.hint("choose another --dir, or move that gateway away"),
            init::Error::Prod => {
                failure.hint("make the folder with --environment test, then replace keys and certificates by those of the agreed authority and set gateway.environment")
            }
            _ => failure,
        }
    })?;
    if args.json {
        out::json(&json!({
            "config": made.config,
            "offer": made.offer,
            "files": made.files,
            "certificates": made.certificates.iter().map(|(name, c)| json!({
                "use": name, "subject": c.subject(), "sha256": c.fingerprint(), "not_after": c.not_after().to_string(),
            })).collect::<Vec<_>>(),
        }));
        return Ok(Exit::Done);
    }
    out::line(&format!("gateway {} ({}) made in {}", plan.id, plan.environment, plan.dir.display()));
    for (name, certificate) in &made.certificates {
        out::line(&format!("  {name:8} {}  until {}", certificate.subject(), certificate.not_after()));
    }
    out::line(&format!("  serve it:                 coconnect serve --config {}", made.config.display()));
    out::line(&format!("  give to the other side:   {}", made.offer.display()));
    out::line(&format!(
        "  take the other side's:    coconnect partner add --dir {} --file THEIR/partner.toml",
        plan.dir.display()
    ));
    Ok(Exit::Done)
}

fn plan(args: &Init) -> Result<Plan, Failure> {
    let country = args.country.to_ascii_uppercase();
    if country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(Failure::usage(format!("--country: expected two letters of ISO 3166-1, came {:?}", args.country)));
    }
    let id = args.id.clone().unwrap_or_else(|| country.clone());
    Ok(Plan {
        dir: args.dir.clone(),
        id: PartnerId::parse(&id).map_err(|e| Failure::usage(format!("--id: {e}")))?,
        country,
        domain: args.domain.clone(),
        environment: Environment::parse(&args.environment).map_err(|e| Failure::usage(format!("--{e}")))?,
        listen: args.listen,
        public_url: args.public_url.clone(),
        addresses: args.addresses.clone(),
        local_api: args.local_api,
        suite: args.suite.into(),
        authority: args.ca.clone(),
        retry_every_s: None,
    })
}
