// Compiled with TypeScript's strictest options; never run.
import * as Ably from 'ably';
import { type LogRow, Sandbox, SandboxError, type Story, programPath, startSandbox } from 'ably-auth';

await using sandbox: Sandbox = await startSandbox({ tls: false, timeoutMs: 1000, args: ['--log-level', 'warn'] });
new Ably.Realtime(sandbox.clientOptions).close();
const rows: LogRow[] = await sandbox.log({ outcome: 'refused', limit: 1 });
const story: Story | undefined = rows[0] && (await sandbox.explain(rows[0]));
const failed: string | undefined = story?.checks.find((check) => check.result === 'failed')?.id;
const now: number = await sandbox.advanceClock(1000);
await sandbox.failNext(1, { code: 40142 });
await startSandbox({ apps: { appId: 'shop', keys: [{ id: 'backend', secret: 'an-example-not-a-secret' }] } });
console.log(failed, now, programPath(), new SandboxError('x').message);
// @ts-expect-error: an outcome that does not exist
await sandbox.log({ outcome: 'happy' });
// @ts-expect-error: only `startSandbox` makes one
new Sandbox();
