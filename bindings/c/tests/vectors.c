// Runs the vectors of `tests/vectors` with the library, in several threads, and checks what a caller in C can do wrong.
//
// vectors FILE: each line of the file is a case. Its fields are separated by tabs, all but the first in hexadecimal; `-` is
// NULL. `cargo xtask bindings c` writes the file.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ably_auth.h"

enum { MAX_FIELDS = 9, THREADS = 4, CANARY = 0x5a };

typedef struct {
    char *data;
    size_t len;
} Text;

typedef struct {
    char kind[24];
    Text fields[MAX_FIELDS];
} Case;

static Case *cases;
static size_t case_count;
static atomic_int failures;
static atomic_int checks;

#define CHECK(condition, ...)                                                                                        \
    do {                                                                                                             \
        atomic_fetch_add(&checks, 1);                                                                                \
        if (!(condition)) {                                                                                          \
            fprintf(stderr, "%s:%d: %s\n  ", __FILE__, __LINE__, #condition);                                        \
            fprintf(stderr, __VA_ARGS__);                                                                            \
            fputc('\n', stderr);                                                                                     \
            atomic_fetch_add(&failures, 1);                                                                          \
        }                                                                                                            \
    } while (0)

static int digit(int c) {
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

// Allocates exactly as many bytes as the text has, so that AddressSanitizer sees each byte that is read too much.
static Text decode(const char *hex, size_t len) {
    Text text = {NULL, 0};
    if (len == 1 && hex[0] == '-') {
        return text;
    }
    text.len = len / 2;
    text.data = malloc(text.len + (text.len == 0));
    for (size_t at = 0; at < text.len; at++) {
        text.data[at] = (char)(digit(hex[2 * at]) * 16 + digit(hex[2 * at + 1]));
    }
    return text;
}

static int read_cases(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return 0;
    }
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    while ((len = getline(&line, &room, file)) > 0) {
        cases = realloc(cases, (case_count + 1) * sizeof *cases);
        Case *one = &cases[case_count++];
        memset(one, 0, sizeof *one);
        char *rest = line;
        char *field = strsep(&rest, "\t\n");
        snprintf(one->kind, sizeof one->kind, "%s", field);
        for (int at = 0; at < MAX_FIELDS && (field = strsep(&rest, "\t\n")) != NULL && rest != NULL; at++) {
            one->fields[at] = decode(field, strlen(field));
        }
    }
    free(line);
    fclose(file);
    return case_count > 0;
}

static unsigned long long number(Text text) {
    char digits[32] = {0};
    if (text.data != NULL && text.len < sizeof digits) {
        memcpy(digits, text.data, text.len);
    }
    return strtoull(digits, NULL, 10);
}

static AblyAuthTokenParams params_of(const Text *fields) {
    AblyAuthTokenParams params = {
        .capability = fields[0].data,
        .capability_len = fields[0].len,
        .client_id = fields[1].data,
        .client_id_len = fields[1].len,
        .ttl_ms = number(fields[2]),
        .timestamp_ms = number(fields[3]),
    };
    return params;
}

static AblyAuthStatus produce(const Case *one, char *buffer, size_t capacity, size_t *length, AblyAuthError *error) {
    const Text key = one->fields[0];
    AblyAuthTokenParams params = params_of(one->fields + 1);
    if (strcmp(one->kind, "jwt") == 0) {
        return ably_auth_mint_jwt(key.data, key.len, &params, buffer, capacity, length, error);
    }
    const Text nonce = one->fields[5];
    return ably_auth_sign_token_request(key.data, key.len, &params, nonce.data, nonce.len, buffer, capacity, length,
                                        error);
}

// Asks for the length, and then writes into buffers that are exactly long enough, too short, and too long.
static void check_output(const Case *one, Text expected) {
    AblyAuthError error;
    size_t length = 0;
    CHECK(produce(one, NULL, 0, &length, &error) == ABLY_AUTH_STATUS_BUFFER_TOO_SMALL, "%s", error.message);
    CHECK(length == expected.len, "%zu instead of %zu", length, expected.len);
    char *buffer = malloc(expected.len);
    memset(buffer, CANARY, expected.len);
    CHECK(produce(one, buffer, expected.len - 1, &length, NULL) == ABLY_AUTH_STATUS_BUFFER_TOO_SMALL, "one byte less");
    CHECK(buffer[0] == CANARY && length == expected.len, "nothing is written into a buffer that is too small");
    CHECK(produce(one, buffer, expected.len, &length, &error) == ABLY_AUTH_STATUS_OK, "%s", error.message);
    CHECK(length == expected.len && memcmp(buffer, expected.data, length) == 0, "%.*s", (int)length, buffer);
    CHECK(error.code == 0 && error.message[0] == '\0' && error.place == SIZE_MAX, "a success clears the error");
    free(buffer);
    char large[4096];
    memset(large, CANARY, sizeof large);
    CHECK(produce(one, large, sizeof large, NULL, NULL) == ABLY_AUTH_STATUS_OK, "without a length");
    CHECK(large[expected.len] == CANARY, "nothing is written behind the result");
}

static void check_error(const AblyAuthError *error, const Text *fields) {
    CHECK(error->code == number(fields[0]), "code %u", error->code);
    CHECK(error->place == number(fields[1]), "place %zu", error->place);
    size_t shown = strlen(error->message);
    CHECK(shown <= fields[2].len && memcmp(error->message, fields[2].data, shown) == 0, "%s", error->message);
    CHECK(shown == fields[2].len || shown >= ABLY_AUTH_MESSAGE_BYTES - 4, "the message is cut early");
}

static void run_case(const Case *one) {
    const Text *fields = one->fields;
    AblyAuthError error;
    if (strcmp(one->kind, "key") == 0) {
        size_t name_len = 0;
        CHECK(ably_auth_key_check(fields[0].data, fields[0].len, &name_len, &error) == ABLY_AUTH_STATUS_OK, "key");
        CHECK(name_len == fields[1].len && memcmp(fields[0].data, fields[1].data, name_len) == 0, "name");
    } else if (strcmp(one->kind, "refused-key") == 0) {
        size_t name_len = 1;
        AblyAuthStatus status = ably_auth_key_check(fields[0].data, fields[0].len, &name_len, &error);
        CHECK(status == ABLY_AUTH_STATUS_INVALID_KEY && name_len == 0, "status %d", (int)status);
        check_error(&error, fields + 1);
    } else if (strcmp(one->kind, "request") == 0) {
        check_output(one, fields[6]);
    } else if (strcmp(one->kind, "jwt") == 0) {
        check_output(one, fields[5]);
    } else if (strcmp(one->kind, "permits") == 0) {
        bool permitted = false;
        AblyAuthStatus status = ably_auth_permits(fields[0].data, fields[0].len, fields[1].data, fields[1].len,
                                                  fields[2].data, fields[2].len, &permitted, &error);
        CHECK(status == ABLY_AUTH_STATUS_OK && permitted == (number(fields[3]) == 1), "%s", error.message);
    } else if (strcmp(one->kind, "refused-capability") == 0) {
        AblyAuthTokenParams params = {.capability = fields[0].data, .capability_len = fields[0].len};
        AblyAuthStatus status =
            ably_auth_sign_token_request("a.b:c", 5, &params, "0123456789abcdef", 16, NULL, 0, NULL, &error);
        CHECK(status == ABLY_AUTH_STATUS_INVALID_CAPABILITY, "status %d", (int)status);
        check_error(&error, fields + 1);
    } else {
        CHECK(0, "unknown kind of case: %s", one->kind);
    }
}

static void *run_cases(void *unused) {
    for (size_t at = 0; at < case_count; at++) {
        run_case(&cases[at]);
    }
    return unused;
}

// Changes bytes of a text, from a sequence that is the same in every run.
static void change(Text text, unsigned long long *sequence) {
    for (int changes = 0; text.len > 0 && changes < 3; changes++) {
        *sequence ^= *sequence << 13;
        *sequence ^= *sequence >> 7;
        *sequence ^= *sequence << 17;
        text.data[(*sequence >> 20) % text.len] = (char)(*sequence >> 45);
    }
}

// Runs the cases with changed texts: each ends in a status, and AddressSanitizer sees each wrong access.
static void check_changed_cases(void) {
    unsigned long long sequence = 88172645463325252ULL;
    char buffer[4096];
    int refused = 0;
    for (size_t round = 0; round < 20 * case_count; round++) {
        Case one = cases[round % case_count];
        for (int at = 0; at < 3; at++) {
            const Text given = one.fields[at];
            one.fields[at].data = given.data == NULL ? NULL : malloc(given.len + (given.len == 0));
            if (given.len > 0) {
                memcpy(one.fields[at].data, given.data, given.len);
            }
        }
        change(one.fields[round % 3], &sequence);
        const Text *fields = one.fields;
        AblyAuthError error;
        size_t length = 0;
        bool permitted = false;
        AblyAuthStatus statuses[] = {
            ably_auth_key_check(fields[0].data, fields[0].len, &length, &error),
            produce(&one, buffer, sizeof buffer, &length, &error),
            ably_auth_permits(fields[0].data, fields[0].len, fields[1].data, fields[1].len, fields[2].data, fields[2].len,
                              &permitted, &error),
        };
        for (size_t at = 0; at < sizeof statuses / sizeof *statuses; at++) {
            refused += statuses[at] != ABLY_AUTH_STATUS_OK;
            CHECK(statuses[at] != ABLY_AUTH_STATUS_INTERNAL, "case %zu", round % case_count);
        }
        for (int at = 0; at < 3; at++) {
            free(one.fields[at].data);
        }
    }
    CHECK(refused > 0, "no changed case was refused");
}

// Mistakes of a caller end in a status.
static void check_mistakes(void) {
    const char *key = "app.key:a-secret-for-tests", *nonce = "0123456789abcdef", *text = "{\"chat\":[\"publish\"]}";
    const size_t key_len = strlen(key), nonce_len = strlen(nonce), text_len = strlen(text);
    const AblyAuthStatus invalid = ABLY_AUTH_STATUS_INVALID_ARGUMENT;
    AblyAuthTokenParams params = {.timestamp_ms = 1};
    AblyAuthError error;
    char buffer[512];
    size_t length = 1;

    CHECK(ably_auth_key_check(NULL, 0, NULL, NULL) == invalid, "NULL key");
    CHECK(ably_auth_key_check(NULL, key_len, &length, &error) == invalid && length == 0, "NULL with a length");
    CHECK(strstr(error.message, "`key` is NULL") != NULL, "%s", error.message);
    CHECK(ably_auth_key_check(key, SIZE_MAX, NULL, &error) == invalid, "a length larger than memory");
    CHECK(ably_auth_key_check(key, key_len, NULL, NULL) == ABLY_AUTH_STATUS_OK, "no results wanted");
    CHECK(ably_auth_key_check("app.key:\xff", 9, NULL, &error) == ABLY_AUTH_STATUS_NOT_UTF8, "bad UTF-8");
    CHECK(error.place == 8 && error.code == 0, "%s", error.message);

    CHECK(ably_auth_sign_token_request(key, key_len, NULL, nonce, nonce_len, buffer, sizeof buffer, &length, &error) ==
              invalid, "NULL params");
    CHECK(ably_auth_sign_token_request(key, key_len, &params, NULL, 0, buffer, sizeof buffer, &length, &error) ==
              invalid, "NULL nonce");
    CHECK(ably_auth_sign_token_request(key, key_len, &params, nonce, 15, buffer, sizeof buffer, &length, &error) ==
              ABLY_AUTH_STATUS_INVALID_NONCE, "short nonce");
    CHECK(ably_auth_sign_token_request(key, key_len, &params, nonce, nonce_len, NULL, 512, &length, &error) == invalid,
          "NULL buffer with a capacity");
    params.ttl_ms = 86400001;
    CHECK(ably_auth_mint_jwt(key, key_len, &params, buffer, sizeof buffer, &length, &error) ==
              ABLY_AUTH_STATUS_INVALID_TTL && error.code == 40003, "ttl");
    params.ttl_ms = 0;
    params.timestamp_ms = UINT64_MAX;
    CHECK(ably_auth_mint_jwt(key, key_len, &params, buffer, sizeof buffer, &length, &error) ==
              ABLY_AUTH_STATUS_INVALID_TIMESTAMP, "timestamp");
    params.timestamp_ms = 1;
    params.client_id = "a\nb";
    params.client_id_len = 3;
    CHECK(ably_auth_mint_jwt(key, key_len, &params, buffer, sizeof buffer, &length, &error) ==
              ABLY_AUTH_STATUS_INVALID_CLIENT_ID, "clientId");
    params.client_id_len = SIZE_MAX / 2 + 1;
    CHECK(ably_auth_mint_jwt(key, key_len, &params, buffer, sizeof buffer, &length, &error) == invalid, "length");

    // Without a capability the token would have all rights of the key, so a lost text is an error.
    params = (AblyAuthTokenParams){.capability_len = 5, .timestamp_ms = 1};
    CHECK(ably_auth_mint_jwt(key, key_len, &params, buffer, sizeof buffer, &length, &error) == invalid, "lost capability");
    CHECK(strstr(error.message, "`capability` is NULL") != NULL, "%s", error.message);

    bool permitted = true;
    CHECK(ably_auth_permits(text, text_len, "publish", 7, "chat", 4, NULL, NULL) == invalid, "NULL answer");
    CHECK(ably_auth_permits(text, text_len, NULL, 0, "chat", 4, &permitted, NULL) == invalid && !permitted, "NULL");
    permitted = true;
    CHECK(ably_auth_permits(text, text_len - 1, "publish", 7, "chat", 4, &permitted, &error) ==
              ABLY_AUTH_STATUS_INVALID_CAPABILITY && !permitted, "an error permits nothing");

    unsigned char random[16];
    memset(random, 7, sizeof random);
    char made[33] = {0};
    CHECK(ably_auth_nonce(random, made, NULL) == ABLY_AUTH_STATUS_OK, "nonce");
    CHECK(strcmp(made, "07070707070707070707070707070707") == 0, "%s", made);
    CHECK(ably_auth_nonce(NULL, made, &error) == invalid && ably_auth_nonce(random, NULL, &error) == invalid, "NULL");

    // Neither a secret nor a long input is shown whole.
    CHECK(ably_auth_key_check("app.key:a-secret:more", 21, NULL, &error) == ABLY_AUTH_STATUS_INVALID_KEY, "key");
    CHECK(strstr(error.message, "a-secret") == NULL, "%s", error.message);
    size_t shown = 0;
    for (size_t shift = 0; shift < 2; shift++) {
        // A name of characters of two bytes: the end of the message is within one of them for one of the shifts.
        char large[640];
        size_t at = (size_t)snprintf(large, sizeof large, "{\"%.*s", (int)shift, "a");
        while (at < 600) {
            large[at++] = '\xc3';
            large[at++] = '\xa9';
        }
        at += (size_t)snprintf(large + at, sizeof large - at, "\":[\"no\"]}");
        params = (AblyAuthTokenParams){.capability = large, .capability_len = at};
        CHECK(ably_auth_mint_jwt(key, key_len, &params, buffer, sizeof buffer, &length, &error) ==
                  ABLY_AUTH_STATUS_INVALID_CAPABILITY, "capability");
        shown += strlen(error.message);
        CHECK((unsigned char)error.message[strlen(error.message) - 1] == 0xa9, "a character is cut");
    }
    CHECK(shown == 2 * ABLY_AUTH_MESSAGE_BYTES - 3, "%zu", shown);

    for (int status = -1; status < 20; status++) {
        const char *message = ably_auth_status_message(status);
        bool is_known = status >= ABLY_AUTH_STATUS_OK && status <= ABLY_AUTH_STATUS_INTERNAL;
        CHECK((strcmp(message, "unknown status") != 0) == is_known, "%d: %s", status, message);
    }
    CHECK(strcmp(ably_auth_version(), "0.1.0") == 0, "%s", ably_auth_version());
}

int main(int argc, char **argv) {
    if (argc != 2 || !read_cases(argv[1])) {
        fprintf(stderr, "usage: vectors FILE\n");
        return 2;
    }
    check_mistakes();
    check_changed_cases();
    pthread_t threads[THREADS];
    for (int at = 0; at < THREADS; at++) {
        if (pthread_create(&threads[at], NULL, run_cases, NULL) != 0) {
            return 2;
        }
    }
    for (int at = 0; at < THREADS; at++) {
        pthread_join(threads[at], NULL);
    }
    for (size_t at = 0; at < case_count; at++) {
        for (int field = 0; field < MAX_FIELDS; field++) {
            free(cases[at].fields[field].data);
        }
    }
    free(cases);
    printf("%zu cases in %d threads, %d checks, %d failures\n", case_count, THREADS, (int)checks, (int)failures);
    return failures == 0 ? 0 : 1;
}
