/// `az://ACCOUNT/CONTAINER/PATH`: one blob, or all blobs below `PATH/`.
struct AzureLocation: ObjectLocation {
    static let form = "az://ACCOUNT/CONTAINER/PATH"

    let account: String
    let container: String
    let path: ObjectPath

    /// - Throws: `StorageError` with `unsupported`.
    init(_ uri: String) throws(StorageError) {
        let safe = WebLocation.redacted(uri)
        func refused(_ reason: String, _ advice: String = "Write it as \(Self.form).") -> StorageError {
            StorageError(.unsupported, "'\(safe)' \(reason). \(advice)")
        }
        let rest = uri.drop { $0 != ":" }.dropFirst()
        guard rest.hasPrefix("//"), !rest.contains("#"), !rest.contains("\\") else {
            throw refused("is not an address in Azure")
        }
        guard !rest.contains("?") else {
            throw refused(
                "has a query", "Set a shared access signature as AZURE_STORAGE_SAS_TOKEN, never in the address.")
        }
        let account = rest.dropFirst(2).prefix { $0 != "/" }
        let place = rest.dropFirst(2 + account.utf8.count).drop { $0 == "/" }
        let container = place.prefix { $0 != "/" }
        guard Self.isName(account, 3...24, dashes: false) else {
            throw refused("names no account", "An account has 3 to 24 lower-case letters and digits.")
        }
        guard Self.isName(container, 3...63, dashes: true) || container == "$web" else {
            throw refused("names no container", "A container has 3 to 63 lower-case letters, digits and '-'.")
        }
        guard let path = ObjectPath(place.dropFirst(container.utf8.count)) else {
            throw refused("names no blob", "Write the path without '..', '.', empty parts and '%2F'.")
        }
        (self.account, self.container, self.path) = (String(account), String(container), path)
    }

    private static func isName(_ text: Substring, _ length: ClosedRange<Int>, dashes: Bool) -> Bool {
        length.contains(text.utf8.count) && text.first != "-" && text.last != "-"
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || dashes && $0 == 0x2D }
    }

    var name: String { path.name }

    var description: String { "az://\(account)/\(container)/\(name)" }
}
