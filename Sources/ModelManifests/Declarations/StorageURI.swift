import SafeText

/// The URI schemes that can be fetched, for each target.
enum StorageURI {
    /// Schemes that the controller's machine can fetch.
    static let local = ["file", "https", "s3", "gs", "az", "hf", "oci"] + mlflow
    private static let cluster = ["https", "oci", "pvc", "s3", "gs", "az", "hf"] + mlflow
    /// Names in an MLflow server, which lead to files in any store.
    static let mlflow = ["models", "runs", "mlflow-artifacts"]

    /// `fetch+NAME:ADDRESS`: a program of the settings fetches it, on the controller's machine.
    static let fetcher = "fetch+"
    static let fetcherPattern = "fetch[+][a-z0-9][a-z0-9-]{0,62}"

    private static let known = ["file"] + cluster

    /// Every scheme with what must follow it. `staysInVolume` refuses `..` in a volume's path.
    static var pattern: String {
        let claim = NameRules.dnsSubdomainPattern.dropFirst().dropLast()
        let other =
            "(oci|gs|hf)://[^/@]+/+[^/].*|az://[a-z0-9]{3,24}/+[^/?#]+/+[^/?#][^?#]*|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/+[^/].*"
        let models = "models:/([^/:?#]+@[A-Za-z0-9._-]+|[^/:?#]+/[0-9]+|m-[A-Za-z0-9._-]+)"
        let artifacts = "runs:/[A-Za-z0-9._-]+(/[^?#]*)?|mlflow-artifacts:(//[^/?#@]*)?/+[^/?#][^?#]*"
        return
            "^(file:/*[^/].*|https://[^/?#@]+([/?#].*)?|\(other)|pvc://\(claim)(/.*)?|\(models)|\(artifacts)|\(fetcherPattern):.+)$"
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
        if scheme.hasPrefix(fetcher) {
            return rest.isEmpty
                ? ("'\(uri.shortened)' has no address for the fetcher", "write it as fetch+NAME:ADDRESS") : nil
        }
        if mlflow.contains(scheme) { return mlflowProblem(rest, of: uri, scheme: scheme) }
        return scheme == "file" ? fileProblem(rest, of: uri) : hostProblem(rest, of: uri, scheme: scheme)
    }

    /// - Returns: what is wrong with every URI of the scheme; nil where it is fine.
    static func problem(withScheme scheme: String) -> Problem? {
        if scheme == "http" { return ("scheme 'http:' is refused because it is not encrypted; use https:", nil) }
        if scheme.hasPrefix(fetcher) {
            let name = scheme.dropFirst(fetcher.count)
            let isName =
                (1...63).contains(name.utf8.count) && !name.hasPrefix("-")
                && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D }
            return isName ? nil : ("'\(scheme.shortened):' names no fetcher", "write it as fetch+NAME:ADDRESS")
        }
        guard !known.contains(scheme) else { return nil }
        return (
            "scheme '\(scheme.shortened):' is unknown",
            DidYouMean.suggestion(for: scheme + ":", among: known.map { "\($0):" }, noun: "the schemes are")
        )
    }

    /// - Returns: what is wrong with the URI at this target; nil where it is fine, or where it is wrong at every target.
    static func problem(_ uri: String, at target: Target) -> Problem? {
        guard let scheme = scheme(of: uri), known.contains(scheme) || scheme.hasPrefix(fetcher) else { return nil }
        switch target {
        case .kubernetes where scheme.hasPrefix(fetcher):
            return (
                "'\(scheme.shortened):' is fetched by a program on the controller's machine, which pods do not have",
                "put the files into a store that pods can read, such as s3:, gs:, az: or oci:"
            )
        case .local where scheme.hasPrefix(fetcher): return nil
        case .local where !local.contains(scheme):
            return (
                "storageUri scheme '\(scheme):' can only be used in a cluster; on one machine mlctl cannot fetch it",
                "copy the files and write file:, use one of \(shown(local.filter { $0 != "file" })), or write target: "
                    + "{kind: kubernetes}"
            )
        case .kubernetes where !cluster.contains(scheme):
            return (
                "'\(scheme):' names files on the controller's machine, which pods cannot read",
                "put the files on a volume (pvc://CLAIM/PATH), in a bucket (s3:, gs:, az:), in an image (oci:), in MLflow (models:) or at an https: "
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
        guard let colon = uri.firstIndex(of: ":"), colon > uri.startIndex,
            uri[..<colon].allSatisfy({ $0.isLetterOrDigit || $0 == "-" || $0 == "+" })
        else { return nil }
        return String(uri[..<colon])
    }

    private static func fileProblem(_ rest: Substring, of uri: String) -> Problem? {
        guard rest.allSatisfy({ $0 == "/" }) else { return nil }
        return ("'\(uri.shortened)' names no file", "write it as file:PATH or file:///PATH")
    }

    private static func mlflowProblem(_ rest: Substring, of uri: String, scheme: String) -> Problem? {
        let form = "write it as \(form(of: scheme))"
        guard !rest.contains("?"), !rest.contains("#") else {
            return ("'\(uri.shortened)' has a query, which MLflow's addresses do not have", form)
        }
        guard UserInfo.of(uri) == nil else { return ("storageUri \(UserInfo.problem)", credentialAdvice(scheme)) }
        let isPlain: (Substring) -> Bool = { text in
            !text.isEmpty && text.allSatisfy { $0.isLetterOrDigit || "._-".contains($0) }
        }
        let path = rest.dropFirst()
        switch scheme {
        case "models":
            let isAlias = path.lastIndex(of: "@").map { mark in
                let name = path[..<mark]
                return !name.isEmpty && !name.contains("/") && !name.contains(":")
                    && isPlain(path[path.index(after: mark)...])
            }
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            let isVersion =
                parts.count == 2 && !parts[0].isEmpty && !parts[0].contains(":") && !parts[1].isEmpty
                && parts[1].utf8.allSatisfy { (0x30...0x39).contains($0) }
            let isLogged = parts.count == 1 && path.hasPrefix("m-") && path.count > 2 && isPlain(path)
            guard rest.hasPrefix("/"), isAlias == true || isVersion || isLogged else {
                return ("'\(uri.shortened)' names neither a version nor an alias", form)
            }
        case "runs":
            guard rest.hasPrefix("/"), isPlain(path.prefix { $0 != "/" }) else {
                return ("'\(uri.shortened)' names no run", form)
            }
        default:
            let place = rest.hasPrefix("//") ? rest.dropFirst(2).drop { $0 != "/" } : rest
            guard place.hasPrefix("/"), place.contains(where: { $0 != "/" }) else {
                return ("'\(uri.shortened)' names no artifacts", form)
            }
        }
        return nil
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
        case "s3" where !isBucket(host):
            return (
                "'\(host.description.shortened)' is not a name of a bucket",
                "a bucket has 3 to 63 lower-case letters, digits, '-' and '.'"
            )
        case "s3" where !path.isEmpty: return objectProblem(path, of: uri)
        case "hf" where !path.isEmpty: return hubProblem(host, path, of: uri)
        case "az":
            guard (3...24).contains(host.utf8.count), host.allSatisfy({ $0.isLetterOrDigit && !$0.isUppercase }) else {
                return (
                    "'\(host.description.shortened)' is not a name of an account",
                    "an account has 3 to 24 lower-case letters and digits"
                )
            }
            let below = path.drop { $0 != "/" }.drop { $0 == "/" }
            guard !path.contains("?"), !path.contains("#") else {
                return (
                    "'\(uri.shortened)' has a query", "set a signature as AZURE_STORAGE_SAS_TOKEN, never in the address"
                )
            }
            return below.isEmpty ? ("'\(uri.shortened)' names no model", "write it as \(form(of: scheme))") : nil
        case "oci", "hf", "s3", "gs":
            return path.isEmpty ? ("'\(uri.shortened)' names no model", "write it as \(form(of: scheme))") : nil
        case "pvc" where !NameRules.isDNSSubdomain(String(host)):
            return ("'\(host.description.shortened)' is not the name of a claim", "write it as \(form(of: scheme))")
        case "pvc" where path.split(separator: "/").contains(".."):
            return ("'\(uri.shortened)' is outside the volume", "write a path without '..'")
        default: return nil
        }
    }

    private static func isBucket(_ name: Substring) -> Bool {
        let isPlain: (Character) -> Bool = { $0.isASCII && ($0.isNumber || $0.isLowercase) }
        return (3...63).contains(name.utf8.count) && name.first.map(isPlain) == true && name.last.map(isPlain) == true
            && name.allSatisfy { isPlain($0) || $0 == "-" || $0 == "." } && !name.contains("..")
    }

    private static func objectProblem(_ path: Substring, of uri: String) -> Problem? {
        let key = path.prefix { $0 != "?" }
        let query = path.dropFirst(key.count).dropFirst()
        guard !path.contains("#"), !path.contains("\\"), key.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            return (
                "'\(uri.shortened)' has characters that an address must escape", "write %20 for a blank, %23 for '#'"
            )
        }
        let parts = key.split(separator: "/", omittingEmptySubsequences: false).reversed().drop { $0.isEmpty }
        let isPath = parts.allSatisfy { part in
            let name = part.removingPercentEncoding ?? ""
            return !name.isEmpty && name != "." && name != ".." && !name.contains("/")
                && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        }
        guard isPath, !parts.isEmpty else {
            return ("'\(uri.shortened)' names no object", "write the path without '..', '.' and empty parts")
        }
        guard query.isEmpty || query.hasPrefix("versionId=") && !query.contains("&") && query.count > 10 else {
            return (
                "'\(uri.shortened)' has a query other than '?versionId='", "name the version of one object, or none"
            )
        }
        guard query.isEmpty || !key.hasSuffix("/") else {
            return ("'\(uri.shortened)' names a version of a folder", "name the version of one object, without a slash")
        }
        return nil
    }

    /// `ORGANIZATION/MODEL`, a revision after `@` or `:`, and patterns of files.
    private static func hubProblem(_ organization: Substring, _ path: Substring, of uri: String) -> Problem? {
        let place = path.prefix { $0 != "?" }
        let model = place.prefix { $0 != "@" && $0 != ":" }
        guard [organization, model].allSatisfy(isHubName) else {
            return ("'\(uri.shortened)' names no model", "write it as \(form(of: "hf"))@REVISION")
        }
        let revision = place.dropFirst(model.count)
        let text = revision.dropFirst().removingPercentEncoding ?? ""
        let isRevision =
            !text.isEmpty && text.utf8.count <= 250 && !text.hasPrefix("-") && !text.contains("..")
            && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && $0 != "." }
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && !"~^:?*[\\@#".utf8.contains($0) }
        guard revision.isEmpty || isRevision else {
            return ("'\(uri.shortened)' has no revision after its mark", "write a branch, a tag or a commit")
        }
        let fields = path.dropFirst(place.count).dropFirst().split(separator: "&")
        let areKnown = fields.allSatisfy { field in
            ["include=", "exclude="].contains { field.hasPrefix($0) && field.count > $0.count }
        }
        guard areKnown, fields.count <= 32, !path.contains("#") else {
            return (
                "'\(uri.shortened)' has a query that is not '?include=' or '?exclude='",
                "write patterns of files, such as ?include=*.safetensors"
            )
        }
        return nil
    }

    private static func isHubName(_ name: Substring) -> Bool {
        (1...96).contains(name.utf8.count) && name != "." && name != ".." && !name.hasPrefix("-")
            && name.allSatisfy { $0.isLetterOrDigit || $0 == "-" || $0 == "_" || $0 == "." }
    }

    private static func credentialAdvice(_ scheme: String) -> String {
        scheme == "https"
            ? "take it out: write an address that needs none, or one that is signed and ends soon"
            : "take it out: credentials are found where the store's own clients look, such as the environment"
    }

    static func noun(of scheme: String) -> String {
        switch scheme {
        case "oci": "registry"
        case "pvc": "claim"
        case "s3", "gs": "bucket"
        case "az": "account"
        case "hf": "organization"
        case "models": "model"
        case "runs": "run"
        default: "host"
        }
    }

    static func form(of scheme: String) -> String {
        switch scheme {
        case "oci": "oci://REGISTRY/REPOSITORY:TAG"
        case "pvc": "pvc://CLAIM/PATH"
        case "s3", "gs": "\(scheme)://BUCKET/PATH"
        case "az": "az://ACCOUNT/CONTAINER/PATH"
        case "hf": "hf://ORGANIZATION/MODEL"
        case "models": "models:/NAME@ALIAS or models:/NAME/VERSION"
        case "runs": "runs:/RUN/PATH"
        case "mlflow-artifacts": "mlflow-artifacts:/PATH"
        default: "\(scheme)://HOST/PATH"
        }
    }

    private static func shown(_ schemes: [String]) -> String { schemes.map { "\($0):" }.joined(separator: ", ") }
}

extension Character {
    fileprivate var isLetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
