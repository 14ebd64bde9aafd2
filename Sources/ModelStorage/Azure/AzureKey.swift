import Crypto
import Foundation

/// The key of an account, which signs requests. Its texts never show it.
struct AzureKey: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    static let version = "2021-08-06"

    let account: String
    private let key: [UInt8]

    /// - Returns: nil if the text is not base64.
    init?(account: String, base64: String) {
        guard let data = Data(base64Encoded: base64), !data.isEmpty else { return nil }
        self.account = account
        key = Array(data)
    }

    /// The fields that belong to a GET without a body.
    func fields(for request: TransferPlan.Request, at date: Date) -> [WebField] {
        let stamp = Self.stamp(date)
        let text = stringToSign(request, stamp: stamp)
        let signature = HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: SymmetricKey(data: key))
        return [
            WebField(name: "x-ms-date", value: stamp),
            WebField(
                name: "Authorization", value: "SharedKey \(account):\(Data(signature).base64EncodedString())"),
        ]
    }

    /// What is signed: the method, the standard fields, the fields of Azure, and the path with its query, sorted.
    ///
    /// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    func stringToSign(_ request: TransferPlan.Request, stamp: String) -> String {
        let range = request.offset > 0 ? "bytes=\(request.offset)-" : ""
        let standard = [
            request.method ?? "GET", "", "", "", "", "", "", request.ifModifiedSince ?? "", request.ifMatch ?? "",
            request.ifNoneMatch ?? "", "", range,
        ]
        var own = request.fields.filter { $0.name.lowercased().hasPrefix("x-ms-") }
        own.append(WebField(name: "x-ms-date", value: stamp))
        let headers = own.map { "\($0.name.lowercased()):\($0.value)\n" }.sorted().joined()
        let parts = URLComponents(string: request.location.url)
        var resource = "/\(account)\(parts?.percentEncodedPath ?? "/")"
        let items = (parts?.queryItems ?? []).map { "\n\($0.name.lowercased()):\($0.value ?? "")" }.sorted()
        resource += items.joined()
        return standard.joined(separator: "\n") + "\n" + headers + resource
    }

    /// Such as `Fri, 26 Jun 2015 23:39:12 GMT`.
    static func stamp(_ date: Date) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let part = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second, .weekday], from: date)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int?) -> String { (number ?? 0) < 10 ? "0\(number ?? 0)" : "\(number ?? 0)" }
        return "\(days[((part.weekday ?? 1) - 1) % 7]), \(two(part.day)) \(months[((part.month ?? 1) - 1) % 12]) "
            + "\(part.year ?? 1970) \(two(part.hour)):\(two(part.minute)):\(two(part.second)) GMT"
    }

    var description: String { "a key" }
    var debugDescription: String { description }
}

/// Azure's connection string: `Name=value` pairs with semicolons between them.
struct AzureConnection: Sendable {
    let fields: [String: String]

    init(_ text: String) {
        var fields: [String: String] = [:]
        for pair in text.split(separator: ";").prefix(50) {
            guard let equals = pair.firstIndex(of: "=") else { continue }
            fields[pair[..<equals].trimmingCharacters(in: .whitespaces).lowercased()] =
                String(pair[pair.index(after: equals)...])
        }
        self.fields = fields
    }
}
