// The clock of the service, which may be moved while the page is open.

let ahead = null;

// Takes the time of the service from its newest answer.
export function setServiceTime(now) {
  ahead = now - Date.now();
}

// Returns how far the service's clock is ahead of the reader's, or `known` if no service has answered: the explorer of the
// guide has none.
export const clockAhead = (known) => ahead ?? known;
