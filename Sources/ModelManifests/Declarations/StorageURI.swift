import SafeText

/// The URI schemes that can be fetched, for each target.
enum StorageURI {
    /// Schemes that the controller's machine can fetch.
    private static let local = ["file", "https"]
    private static let cluster = ["https", "oci", "pvc", "s3", "gs", "hf"]
    private static let later = ["models"]

    private static let known = ["file"] + cluster

    /// Every scheme with what must follow it. `staysInVolume` refuses `..` in a volume's path.
    static var pattern: String {
        let claim = NameRules.dnsSubdomainPattern.dropFirst().dropLast()
        return "^(file:/*[^/].*|https://[^/?#@]+([/?#].*)?|(oci|s3|gs|hf)://[^/@]+/+[^/].*|pvc://\(claim)(/.*)?)$"
    }

    static let staysInVolume = ServerRule(
        "!self.startsWith('pvc:') || (!self.contains('/../') && !self.endsWith('/..'))", "must be inside the volume")

    typealias Problem = (message: String, suggestion: String?)

    /// - Returns: what is wrong with the URI at any target; nil where it is fine.
    static func problem(_ uri: String) -> Problem? {
        guard let scheme = scheme(of: uri) else {
            return ("'\(uri.shortened)' has no scheme", "did you mean 'file:\(uri.shortened)'?")
        }
        if let problem = problem(withScheme: scheme) { return ("storageUri \(problem.message)", problem.suggestion) }
        let rest = uri.dropFirst(scheme.count + 1)
        return scheme == "file" ? fileProblem(rest, of: uri) : hostProblem(rest, of: uri, scheme: scheme)
    }

    /// - Returns: what is wrong with every URI of the scheme; nil where it is fine.
    static func problem(withScheme scheme: String) -> Problem? {
        if later.contains(scheme) {
            return ("scheme '\(scheme):' is not available in this version", "use \(shown(known))")
        }
        if scheme == "http" { return ("scheme 'http:' is refused because it is not encrypted; use https:", nil) }
        guard !known.contains(scheme) else { return nil }
        return (
            "scheme '\(scheme.shortened):' is unknown",
            DidYouMean.suggestion(for: scheme + ":", among: (known + later).map { "\($0):" }, noun: "the schemes are")
        )
    }

    /// - Returns: what is wrong with the URI at this target; nil where it is fine, or where it is wrong at every target.
    static func problem(_ uri: String, at target: Target) -> Problem? {
        guard let scheme = scheme(of: uri), known.contains(scheme) else { return nil }
        switch target {
        case .local where !local.contains(scheme):
            return (
                "storageUri scheme '\(scheme):' can only be used in a cluster; on one machine mlctl cannot fetch it",
                "copy the files and write file:, use an https: address, or write target: {kind: kubernetes}"
            )
        case .kubernetes where !cluster.contains(scheme):
            return (
                "'\(scheme):' names files on the controller's machine, which pods cannot read",
                "put the files on a volume (pvc://CLAIM/PATH), in a bucket (s3:, gs:), in an image (oci:) or at an https: "
                    + "address"
            )
        case .local, .kubernetes: return nil
        }
    }

    /// The part after the last slash, without query and fragment.
    static func lastPart(of uri: String) -> String {
        let path = uri.prefix { $0 != "?" && $0 != "#" }
        let parts = path.split(separator: "/")
        return parts.last.map { part in String(parts.count == 1 ? part.drop { $0 != ":" }.dropFirst() : part) } ?? uri
    }

    private static func scheme(of uri: String) -> String? {
        guard let colon = uri.firstIndex(of: ":"), colon > uri.startIndex, uri[..<colon].allSatisfy(\.isLetterOrDigit)
        else { return nil }
        return String(uri[..<colon])
    }

    private static func fileProblem(_ rest: Substring, of uri: String) -> Problem? {
        guard rest.allSatisfy({ $0 == "/" }) else { return nil }
        return ("'\(uri.shortened)' names no file", "write it as file:PATH or file:///PATH")
    }

    private static func hostProblem(_ rest: Substring, of uri: String, scheme: String) -> Problem? {
        let host = rest.dropFirst(2).prefix { $0 != "/" }
        let path = rest.dropFirst(2 + host.count).drop { $0 == "/" }
        guard UserInfo.of(uri) == nil else {
            return ("storageUri \(UserInfo.problem)", credentialAdvice(scheme))
        }
        guard rest.hasPrefix("//"), !host.isEmpty else {
            return ("'\(uri.shortened)' names no \(noun(of: scheme))", "write it as \(form(of: scheme))")
        }
        switch scheme {
        case "oci", "hf", "s3", "gs":
            return path.isEmpty ? ("'\(uri.shortened)' names no model", "write it as \(form(of: scheme))") : nil
        case "pvc" where !NameRules.isDNSSubdomain(String(host)):
            return ("'\(host.description.shortened)' is not the name of a claim", "write it as \(form(of: scheme))")
        case "pvc" where path.split(separator: "/").contains(".."):
            return ("'\(uri.shortened)' is outside the volume", "write a path without '..'")
        default: return nil
        }
    }

    private static func credentialAdvice(_ scheme: String) -> String {
        scheme == "https"
            ? "take it out: write an address that needs none, or one that is signed and ends soon"
            : "take it out: the storage initializer has its credentials from its namespace or its node"
    }

    static func noun(of scheme: String) -> String {
        switch scheme {
        case "oci": "registry"
        case "pvc": "claim"
        case "s3", "gs": "bucket"
        case "hf": "organization"
        default: "host"
        }
    }

    static func form(of scheme: String) -> String {
        switch scheme {
        case "oci": "oci://REGISTRY/REPOSITORY:TAG"
        case "pvc": "pvc://CLAIM/PATH"
        case "s3", "gs": "\(scheme)://BUCKET/PATH"
        case "hf": "hf://ORGANIZATION/MODEL"
        default: "\(scheme)://HOST/PATH"
        }
    }

    private static func shown(_ schemes: [String]) -> String { schemes.map { "\($0):" }.joined(separator: ", ") }
}

extension Character {
    fileprivate var isLetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
