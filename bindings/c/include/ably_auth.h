// Ably keys, token requests, JWTs and capabilities: the C interface of ably-auth-core.
//
// Generated from bindings/c/src by its test `header`; do not edit.
//
// - Each text is a pointer and a length in bytes, in UTF-8. It needs no NUL at the end, and is not kept after the call.
// - Results are written into buffers of the caller. The library gives out no memory that has to be freed.
// - Each function returns a status. An `AblyAuthError` says what is invalid, where, and what to do. No message shows a secret.
// - There is no global state: every function may be called from any number of threads at once.
// - The library reads no clock, no random numbers and no environment, and does no I/O.

#ifndef ABLY_AUTH_H
#define ABLY_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The size of the message of an error, with its NUL.
#define ABLY_AUTH_MESSAGE_BYTES 256

// The outcome of a call. `AblyAuthError` says more.
typedef enum AblyAuthStatus {
  // The call succeeded.
  ABLY_AUTH_STATUS_OK = 0,
  // A pointer that is required is NULL, or a length is larger than any memory.
  ABLY_AUTH_STATUS_INVALID_ARGUMENT = 1,
  // A text is not UTF-8.
  ABLY_AUTH_STATUS_NOT_UTF8 = 2,
  // The buffer is too small; `*length` has the number of bytes that are needed.
  ABLY_AUTH_STATUS_BUFFER_TOO_SMALL = 3,
  // The key is invalid.
  ABLY_AUTH_STATUS_INVALID_KEY = 4,
  // The clientId is invalid.
  ABLY_AUTH_STATUS_INVALID_CLIENT_ID = 5,
  // The nonce is invalid.
  ABLY_AUTH_STATUS_INVALID_NONCE = 6,
  // The ttl is out of range.
  ABLY_AUTH_STATUS_INVALID_TTL = 7,
  // The timestamp is out of range.
  ABLY_AUTH_STATUS_INVALID_TIMESTAMP = 8,
  // The capability is invalid.
  ABLY_AUTH_STATUS_INVALID_CAPABILITY = 9,
  // The JWT would be invalid, for example too long.
  ABLY_AUTH_STATUS_INVALID_JWT = 10,
  // The library has an error; please report it.
  ABLY_AUTH_STATUS_INTERNAL = 11,
} AblyAuthStatus;

// The details of an error. Each function takes a pointer to one, or NULL. A call that succeeds clears it.
typedef struct AblyAuthError {
  // The code that Ably uses for the error, such as 40005, or 0 if it has none.
  uint32_t code;
  // The offset in the invalid text at which the problem starts, in bytes, or `SIZE_MAX` if it is not known.
  size_t place;
  // The reason: what is invalid, where, and what to do. It is UTF-8 and ends with NUL; a longer one is cut. It shows no secret.
  char message[256];
} AblyAuthError;

// The properties of a token. All zero, it requests a token without an identity, for one hour, with all rights of the key.
typedef struct AblyAuthTokenParams {
  // The JSON text of the capability. It is parsed strictly, and signed in its canonical form. NULL gives the token all
  // rights of the key.
  const char *capability;
  // The length of `capability` in bytes.
  size_t capability_len;
  // The identity, `*` for any. NULL gives none.
  const char *client_id;
  // The length of `client_id` in bytes.
  size_t client_id_len;
  // The lifetime in milliseconds, at most 24 hours. 0 is the default of one hour.
  uint64_t ttl_ms;
  // The current time, in milliseconds since 1970.
  uint64_t timestamp_ms;
} AblyAuthTokenParams;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns the version of the library, which ends with NUL.
const char *ably_auth_version(void);

// Checks the text of a key, `appId.keyId:secret`. The public name, `appId.keyId`, is the beginning of the text:
// `*name_len` is set to its length.
//
// Required of the caller:
// `key` must point to `key_len` bytes. `name_len` and `error` must be NULL or point to their types.
enum AblyAuthStatus ably_auth_key_check(const char *key,
                                        size_t key_len,
                                        size_t *name_len,
                                        struct AblyAuthError *error);

// Makes a nonce of 32 characters from 16 random bytes. Take the bytes from the system, for example from `getrandom(2)`.
//
// Required of the caller:
// `random` must point to 16 bytes, `nonce` to 32 bytes. `error` must be NULL or point to its type.
enum AblyAuthStatus ably_auth_nonce(const uint8_t *random,
                                    char *nonce,
                                    struct AblyAuthError *error);

// Signs a token request, and writes its JSON into `buffer`, without a NUL at the end. A client sends it to
// `POST /keys/<name of the key>/requestToken`, which each Ably SDK does by itself.
//
// `*length` is set to the length of the JSON. If `capacity` is less than that, nothing is written, and the status is
// `ABLY_AUTH_STATUS_BUFFER_TOO_SMALL`; so a call with a `capacity` of 0 asks for the length.
//
// Required of the caller:
// `key` must point to `key_len` bytes, `nonce` to `nonce_len` bytes, the texts of `params` to as many bytes as it says, and
// `buffer` to `capacity` bytes. `length` and `error` must be NULL or point to their types.
enum AblyAuthStatus ably_auth_sign_token_request(const char *key,
                                                 size_t key_len,
                                                 const struct AblyAuthTokenParams *params,
                                                 const char *nonce,
                                                 size_t nonce_len,
                                                 char *buffer,
                                                 size_t capacity,
                                                 size_t *length,
                                                 struct AblyAuthError *error);

// Mints a JWT that a client uses as a token, and writes it into `buffer`, without a NUL at the end.
//
// `*length` is set as in `ably_auth_sign_token_request`.
//
// Required of the caller:
// `key` must point to `key_len` bytes, the texts of `params` to as many bytes as it says, and `buffer` to `capacity` bytes.
// `length` and `error` must be NULL or point to their types.
enum AblyAuthStatus ably_auth_mint_jwt(const char *key,
                                       size_t key_len,
                                       const struct AblyAuthTokenParams *params,
                                       char *buffer,
                                       size_t capacity,
                                       size_t *length,
                                       struct AblyAuthError *error);

// Checks whether the capability of a token permits an operation on a channel, and sets `*permitted`.
//
// The capability is JSON text, which is parsed leniently: an operation that only a newer service knows is no error. If the
// status is not `ABLY_AUTH_STATUS_OK`, `*permitted` is false.
//
// Required of the caller:
// `capability`, `operation` and `channel` must each point to as many bytes as its length says, and `permitted` to a `bool`.
// `error` must be NULL or point to its type.
enum AblyAuthStatus ably_auth_permits(const char *capability,
                                      size_t capability_len,
                                      const char *operation,
                                      size_t operation_len,
                                      const char *channel,
                                      size_t channel_len,
                                      bool *permitted,
                                      struct AblyAuthError *error);

// Returns a description of a status, which ends with NUL and is never freed. An unknown number has a description too.
const char *ably_auth_status_message(int32_t status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ABLY_AUTH_H */
