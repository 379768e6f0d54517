"""The exception of this package."""

from __future__ import annotations


class AblyAuthError(ValueError):
    """An invalid key, capability, token request or JWT.

    The text says what is invalid and where, and ends with what to do. It never shows a secret, a token or a mac.
    """

    code: int
    """The error code that Ably uses, such as 40160."""

    status_code: int
    """The status of an HTTP response with this error."""

    place: int | None
    """The offset in the UTF-8 text at which the problem starts, in bytes, if it is known."""

    resource: str | None
    """The resource of the capability in which the problem was found."""

    def __init__(
        self,
        message: str,
        code: int = 40000,
        status_code: int = 400,
        place: int | None = None,
        resource: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status_code = status_code
        self.place = place
        self.resource = resource

    @property
    def href(self) -> str:
        """The address of Ably's page about the code."""
        return f"https://help.ably.io/error/{self.code}"

    def __reduce__(self) -> tuple[type[AblyAuthError], tuple[str, int, int, int | None, str | None]]:
        return type(self), (str(self), self.code, self.status_code, self.place, self.resource)
