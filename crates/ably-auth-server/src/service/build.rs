//! Builds a service from its configuration. A sandbox gets a service in front of the one that responds.

#[cfg(feature = "console")]
use std::sync::Arc;

use crate::error::Error;
#[cfg(feature = "console")]
use crate::error::ErrorKind;
#[cfg(feature = "console")]
use crate::journal::Journal;
use crate::service::Service;
use crate::service::builder::ServiceBuilder;
#[cfg(feature = "sandbox")]
use crate::service::emulator;
#[cfg(feature = "console")]
use crate::state::console::Console;
#[cfg(feature = "sandbox")]
use crate::state::emulation::Emulation;

/// The minimum length of the token of the console on the admin address, in characters.
#[cfg(feature = "console")]
const MIN_CONSOLE_TOKEN: usize = 32;

impl ServiceBuilder {
    /// Builds the service.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the store has records that this version cannot read; [`ErrorKind::ControlToken`] if an
    /// access token of the Control API or of the console is too short, if a name or a token is used twice, or if there
    /// are too many tokens; [`ErrorKind::ServiceSecret`] if a service secret has only zero bytes; [`ErrorKind::Random`] if random
    /// numbers are needed and the system gives none; [`ErrorKind::Apps`] if there are more than 1000 apps.
    ///
    /// [`ErrorKind::Store`]: crate::ErrorKind::Store
    /// [`ErrorKind::ControlToken`]: crate::ErrorKind::ControlToken
    /// [`ErrorKind::ServiceSecret`]: crate::ErrorKind::ServiceSecret
    /// [`ErrorKind::Random`]: crate::ErrorKind::Random
    /// [`ErrorKind::Apps`]: crate::ErrorKind::Apps
    pub fn build(self) -> Result<Service, Error> {
        #[cfg(feature = "console")]
        let this = self.with_console()?;
        #[cfg(not(feature = "console"))]
        let this = self;
        #[cfg(feature = "sandbox")]
        if this.is_emulated && this.sandbox {
            return match this.memory_limits {
                Some(_) => emulator::build(this),
                None => this.emulation(Emulation::lasting()).build_state(),
            };
        }
        this.build_state()
    }

    /// Adds what a console needs, if the service has one.
    #[cfg(feature = "console")]
    fn with_console(mut self) -> Result<Self, Error> {
        let (is_served, admin_token) = (self.console && self.sandbox, self.admin_console.take());
        if admin_token.as_ref().is_some_and(|token| token.expose().len() < MIN_CONSOLE_TOKEN) {
            let message = format!(
                "invalid token of the console: it is too short and can be guessed; use at least {MIN_CONSOLE_TOKEN} random \
                 characters"
            );
            return Err(Error::new(ErrorKind::ControlToken, message));
        }
        if is_served || admin_token.is_some() {
            self.journal = Some(Arc::new(Journal::new(self.limits.console_bytes)));
            self.console_state = Some(Arc::new(Console::new(is_served, admin_token, self.limits.console_streams)));
            self.is_emulated |= is_served;
        }
        Ok(self)
    }
}
