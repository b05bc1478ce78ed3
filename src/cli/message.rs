//! `coconnect message`: messages in and out, refused ones too.

use clap::{Args, Subcommand, ValueEnum};

use super::co::flat;
use super::list::ListArgs;
use super::out::{self, Exit, Failure};
use super::place::Place;
use super::reach::{Reach, text};

mod explain;

/// Messages, in and out.
#[derive(Debug, Subcommand)]
pub enum Message {
    /// Show a message by its MessageID or by the reference id of a fault: what became of it, and why
    #[command(
        after_help = "EXAMPLES:\n  coconnect message show R-7K2M9QX3V8ZC5T1D4B6N0WEHJA --dir id\n  coconnect message show urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e --dir id --part request > as-received.xml"
    )]
    Show(Show),
    /// List messages, in and out
    #[command(
        after_help = "EXAMPLES:\n  coconnect message list --dir id\n  coconnect message list --dir id --limit 50 --json"
    )]
    List(ListArgs),
    /// Explain why a signature or a decryption failed, with the octets
    Explain(Box<explain::Explain>),
}

/// Octets of a message.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Part {
    /// The business document, decrypted.
    Document,
    /// The Acknowledgement element, given or received.
    Acknowledgement,
    /// The envelope as it came.
    Request,
    /// The envelope as verified: decrypted in place.
    Clear,
    /// Our answer to it, as it went.
    Reply,
    /// The envelope that we sent in the last try.
    Sent,
    /// The partner's answer to what we sent, as it came.
    Answer,
}

/// `message show`.
#[derive(Debug, Args)]
pub struct Show {
    /// MessageID (urn:uuid:...) or reference id (R-...).
    id: String,
    /// Print these octets instead.
    #[arg(long, value_enum)]
    part: Option<Part>,
    #[command(flatten)]
    place: Place,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: Message) -> Result<Exit, Failure> {
    match verb {
        Message::Show(args) => show(&args),
        Message::List(args) => list(&args),
        Message::Explain(args) => explain::run(&args),
    }
}

fn show(args: &Show) -> Result<Exit, Failure> {
    let reach = Reach::open(&args.place)?;
    let path = format!("/v1/messages/{}", crate::web::escape(&args.id));
    if let Some(part) = args.part {
        let name = part.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        out::octets(&reach.get(&format!("{path}?part={name}"))?.body);
        return Ok(Exit::Done);
    }
    let value = reach.json(&path)?;
    if args.json {
        out::json(&value);
    } else {
        for (name, value) in flat(&value) {
            out::line(&format!("{name:22} {value}"));
        }
    }
    Ok(Exit::Done)
}

fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let headings = ["recorded", "way", "partner", "operation", "status", "code", "message id", "reference id"];
    let fields = ["time", "direction", "partner", "operation", "status", "code", "message_id", "reference_id"];
    args.show("/v1/messages", "the store holds no message", &headings, |row| {
        fields.iter().map(|field| text(row, field)).collect()
    })
}
