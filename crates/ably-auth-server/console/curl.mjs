// The curl line that does the same as a form.

// Returns the command for a POSIX shell. `isAdmin` adds the header that a service with an admin token needs.
export function curlLine(method, url, body, { isAdmin }) {
  const command = method === "POST" && body !== null ? "curl" : `curl -X ${method}`;
  const parts = [`${command} ${quote(url)}`];
  if (isAdmin) parts.push('-H "Authorization: Bearer $ABLY_AUTH_ADMIN_TOKEN"');
  if (body !== null) parts.push("-H 'Content-Type: application/json'", `-d ${quote(JSON.stringify(body))}`);
  return parts.join(" \\\n  ");
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
