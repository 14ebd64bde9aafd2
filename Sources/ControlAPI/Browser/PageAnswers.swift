import Dashboard
import Foundation
import HTTPTypes
import Hummingbird

/// The answers of the dashboard, with the headers that keep a browser from doing anything else with them.
enum PageAnswers {
    /// Only the controller's own files and connections; no frames, no plug-ins, no inline scripts or styles.
    static let policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    /// A report and a drawing carry their own style, and nothing that runs.
    static let filePolicy =
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

    static func page(_ html: String, _ status: HTTPResponse.Status = .ok) -> Response {
        answer(Array(html.utf8), type: "text/html; charset=utf-8", status: status, policy: policy)
    }

    /// A file that the browser stores instead of showing it.
    static func download(_ text: String, type: String, name: String) -> Response {
        var response = answer(Array(text.utf8), type: type, status: .ok, policy: filePolicy)
        // The name is made of DNS names and digits.
        response.headers[.contentDisposition] = "attachment; filename=\"\(name)\""
        return response
    }

    /// The address of an asset contains its version, so that it can be kept.
    static func asset(_ file: DashboardAssets.File, isVersioned: Bool) -> Response {
        var response = answer(file.bytes, type: file.type, status: .ok, policy: policy)
        response.headers[.cacheControl] = isVersioned ? "public, max-age=31536000, immutable" : "no-cache"
        return response
    }

    /// - Parameter address: relative, so that it is right behind any path prefix.
    static func goTo(_ address: String) -> Response {
        var response = answer([], type: "text/plain; charset=utf-8", status: .seeOther, policy: policy)
        response.headers[.location] = address
        return response
    }

    private static func answer(
        _ bytes: [UInt8], type: String, status: HTTPResponse.Status, policy: String
    ) -> Response {
        var headers: HTTPFields = [
            .contentType: type, .cacheControl: "no-store", .contentSecurityPolicy: policy,
            .xContentTypeOptions: "nosniff",
        ]
        // Not no-referrer: then browsers would send no Origin with forms.
        for (name, value) in [
            ("referrer-policy", "same-origin"), ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"), ("x-frame-options", "DENY"),
            ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
        ] {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
