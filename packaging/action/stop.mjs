// Shows in the summary of the job why the sandbox refused requests, and stops it.
import { appendFileSync } from 'node:fs';

const MAXIMUM_ROWS = 50;
const { STATE_pid: pid, STATE_console: page, GITHUB_STEP_SUMMARY: summary } = process.env;

if (page) {
  try {
    const response = await fetch(`${page}/api/log?outcome=refused&limit=${MAXIMUM_ROWS}`);
    const { rows } = await response.json();
    if (rows.length) appendFileSync(summary, table(rows));
    console.log(`refused requests: ${rows.length === MAXIMUM_ROWS ? `${MAXIMUM_ROWS} or more` : rows.length}`);
  } catch (error) {
    console.log(`::warning::the log of the sandbox cannot be read: ${error.message}`);
  }
}
if (pid) {
  try {
    process.kill(Number(pid));
  } catch (error) {
    // It may have ended by itself.
    if (error.code !== 'ESRCH') throw error;
  }
}

function table(rows) {
  const cell = (text) => String(text ?? '').replaceAll('|', '\\|').replaceAll('\n', ' ');
  const lines = rows.map(({ action, code, reason }) => `| ${cell(action)} | ${cell(code)} | ${cell(reason)} |`);
  return ['### Requests that the Ably sandbox refused', '', '| request | code | reason |', '| --- | --- | --- |', ...lines, '', ''].join('\n');
}
