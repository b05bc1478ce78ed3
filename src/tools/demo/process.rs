//! A gateway as a process of its own, watched over its admin socket.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::base::Clock;
use crate::gateway::admin::{AdminClient, Answer};
use crate::gateway::config::Config;

/// For a gateway to come up, its index rebuilt if need be.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// For a gateway to finish what it accepted.
const STOP_DEADLINE: Duration = Duration::from_secs(45);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// One gateway.
pub struct Gateway {
    /// What it is called in the story.
    pub name: &'static str,
    /// Its configuration.
    pub config: Config,
    program: PathBuf,
    clock: Arc<dyn Clock>,
    child: Option<Child>,
}

impl Gateway {
    /// A gateway that is not running yet.
    ///
    /// # Errors
    /// When its configuration cannot be read.
    pub fn new(name: &'static str, dir: &Path, program: &Path, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let config = Config::load(&dir.join("coconnect.toml")).map_err(|e| crate::gateway::chain(&e))?;
        Ok(Self { name, config, program: program.to_owned(), clock, child: None })
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.config.dir.join("coconnect.toml")
    }

    /// Starts the process and waits until it serves.
    ///
    /// # Errors
    /// With the end of its log when it does not come up.
    pub async fn start(&mut self) -> Result<u32, String> {
        let log = self.config.dir.join("run/serve.log");
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(|e| format!("{}: {e}", log.display()))?;
        let errors = file.try_clone().map_err(|e| e.to_string())?;
        let child = Command::new(&self.program)
            .arg("serve")
            .arg("--config")
            .arg(self.config_file())
            .env("COCONNECT_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::from(file))
            .stderr(Stdio::from(errors))
            // A story that ends early leaves no process behind.
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("start {}: {e}", self.program.display()))?;
        let pid = child.id().unwrap_or_default();
        self.child = Some(child);
        let start = self.clock.elapsed();
        loop {
            if let Ok(answer) = self.admin().get("/v1/health").await
                && answer.ok()
            {
                return Ok(pid);
            }
            let ended = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten());
            if let Some(status) = ended {
                return Err(format!("{} ended at its start ({status}); its log ends:\n{}", self.name, tail(&log)));
            }
            if self.clock.elapsed() - start > START_DEADLINE {
                return Err(format!(
                    "{} does not serve after {START_DEADLINE:?}; its log ends:\n{}",
                    self.name,
                    tail(&log)
                ));
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
    }

    /// Kills it with SIGKILL: no chance to write another octet.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn kill(&mut self) -> Result<(), String> {
        let mut child = self.child.take().ok_or(format!("{} is not running", self.name))?;
        child.kill().await.map_err(|e| e.to_string())
    }

    /// Tells it to stop (SIGTERM) and waits until it has finished what it accepted.
    ///
    /// # Errors
    /// When it does not end, or not with 0.
    pub async fn stop(&mut self) -> Result<(), String> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or(format!("{} has ended by itself", self.name))?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|e| e.to_string())?;
        tokio::select! {
            status = child.wait() => match status {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("{} ended with {status}", self.name)),
                Err(e) => Err(e.to_string()),
            },
            () = self.clock.sleep(STOP_DEADLINE) => Err(format!("{} does not end", self.name)),
        }
    }

    /// Leaves the process running when this value goes.
    #[must_use]
    pub fn leave(mut self) -> Option<u32> {
        let child = self.child.take()?;
        let id = child.id();
        // Dropping the handle would end the process.
        std::mem::forget(child);
        id
    }

    /// Its admin socket.
    #[must_use]
    pub fn admin(&self) -> AdminClient {
        AdminClient::new(&self.config.admin_socket(), Arc::clone(&self.clock))
    }

    /// A look-up over the admin socket, as JSON.
    ///
    /// # Errors
    /// What came instead.
    pub async fn look(&self, path: &str) -> Result<Value, String> {
        let answer = self.look_raw(path).await?;
        Ok(answer.json())
    }

    /// A look-up over the admin socket, as it comes.
    ///
    /// # Errors
    /// What came instead.
    pub async fn look_raw(&self, path: &str) -> Result<Answer, String> {
        let answer =
            self.admin().get(path).await.map_err(|e| format!("{}: {}", self.name, crate::gateway::chain(&e)))?;
        if answer.ok() {
            Ok(answer)
        } else {
            Err(format!("{}: GET {path}: {} {}", self.name, answer.status, text(&answer.body)))
        }
    }

    /// Hands a document over for delivery, as the national system does.
    ///
    /// # Errors
    /// What came instead.
    pub async fn submit(&self, partner: &str, document: &str) -> Result<Value, String> {
        let path = format!("/v1/cos?partner={partner}");
        let answer = self
            .admin()
            .post(&path, "application/xml", document.as_bytes().to_vec())
            .await
            .map_err(|e| format!("{}: {}", self.name, crate::gateway::chain(&e)))?;
        if answer.ok() {
            Ok(answer.json())
        } else {
            Err(format!("{}: POST {path}: {} {}", self.name, answer.status, text(&answer.body)))
        }
    }

    /// Runs `coconnect` on this gateway's folder and gives its exit status and standard output.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn command(&self, arguments: &[&str]) -> Result<(bool, String), String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .arg("--config")
            .arg(self.config_file())
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|e| e.to_string())?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            text.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        Ok((output.status.success(), text))
    }
}

fn text(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    text.chars().take(2_000).collect()
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
}
