<?php
// Runs the vectors of `tests/vectors` with the library, through PHP's FFI. The declarations are those of the header.
//
// vectors.php LIBRARY HEADER FILE, with the file of `vectors.c`.

declare(strict_types=1);

[, $library, $header, $file] = $argv;
// FFI has no preprocessor.
$declarations = preg_replace('/^#.*$|^extern "C" \{$|^\}  \/\/ extern "C"$/m', '', file_get_contents($header));
$ably = FFI::cdef($declarations, $library);

/** Returns a copy of a text in memory of C, or NULL. The params keep only a pointer, so the caller keeps the copy. */
function text(?string $text): ?FFI\CData
{
    if ($text === null) {
        return null;
    }
    $copy = FFI::new('char[' . max(1, strlen($text)) . ']');
    FFI::memcpy($copy, $text, strlen($text));
    return $copy;
}

/** Calls a function with growing buffers, and returns its result. */
function result(callable $call, FFI\CData $length, FFI\CData $error): string
{
    $buffer = FFI::new('char[1]');
    $status = $call($buffer, 0);
    if ($status === 3) {
        $capacity = $length->cdata;
        $buffer = FFI::new("char[$capacity]");
        $status = $call($buffer, $capacity);
    }
    if ($status !== 0) {
        throw new RuntimeException(FFI::string($error->message), $error->code);
    }
    return FFI::string($buffer, $length->cdata);
}

function check(bool $condition, string $what): void
{
    if (!$condition) {
        fwrite(STDERR, "FAILED $what\n");
        exit(1);
    }
}

[$length, $error, $permitted] = [FFI::new('size_t'), $ably->new('AblyAuthError'), FFI::new('bool')];
$count = [];
foreach (file($file, FILE_IGNORE_NEW_LINES) as $line) {
    $fields = explode("\t", $line);
    $kind = array_shift($fields);
    $fields = array_map(fn (string $field): ?string => $field === '-' ? null : hex2bin($field), $fields);
    $count[$kind] = ($count[$kind] ?? 0) + 1;
    if ($kind === 'request' || $kind === 'jwt') {
        [$key, $capability, $clientId, $ttl, $timestamp] = $fields;
        $params = $ably->new('AblyAuthTokenParams');
        $kept = [text($capability), text($clientId)];
        $params->capability = $kept[0] === null ? null : FFI::cast('char *', $kept[0]);
        $params->capability_len = strlen($capability ?? '');
        $params->client_id = $kept[1] === null ? null : FFI::cast('char *', $kept[1]);
        $params->client_id_len = strlen($clientId ?? '');
        $params->ttl_ms = (int) $ttl;
        $params->timestamp_ms = (int) $timestamp;
        $call = $kind === 'jwt'
            ? fn ($buffer, $capacity) => $ably->ably_auth_mint_jwt(
                $key, strlen($key), FFI::addr($params), $buffer, $capacity, FFI::addr($length), FFI::addr($error))
            : fn ($buffer, $capacity) => $ably->ably_auth_sign_token_request(
                $key, strlen($key), FFI::addr($params), $fields[5], strlen($fields[5]), $buffer, $capacity,
                FFI::addr($length), FFI::addr($error));
        check(result($call, $length, $error) === end($fields), "$kind of $key");
    } elseif ($kind === 'permits') {
        [$capability, $operation, $channel, $expected] = $fields;
        $status = $ably->ably_auth_permits($capability, strlen($capability), $operation, strlen($operation), $channel,
            strlen($channel), FFI::addr($permitted), FFI::addr($error));
        check($status === 0 && $permitted->cdata === ($expected === '1'), "$operation on $channel by $capability");
    } elseif ($kind === 'refused-key') {
        [$key, $code, $place, $message] = $fields;
        $status = $ably->ably_auth_key_check($key, strlen($key), null, FFI::addr($error));
        check($status === 4 && $error->code === (int) $code && FFI::string($error->message) === $message, $message);
        check($error->place === (int) $place, "place in $message");
    }
}
check(($count['request'] ?? 0) > 0 && ($count['permits'] ?? 0) > 0, 'the file has no cases');
echo array_sum($count), " cases in PHP ", PHP_VERSION, "\n";
