"""What browsers may do with your pages: the headers of every answer, unless a view sets its own."""

# Where a page needs more than your own files (a font, a script of a provider), name it here:
# "script-src 'self' https://js.example.com; ..."
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With no-referrer a browser sends `Origin: null`, and forms would be refused.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # What may be stored says so itself.
    "Cache-Control": "no-store",
}
