/// `oci://HOST/REPOSITORY`, with `:TAG` or `@sha256:DIGEST`: an artifact with a model's files, or an image with a model in
/// `/models`.
struct RegistryLocation: Hashable, Sendable, CustomStringConvertible {
    enum Reference: Hashable, Sendable {
        case tag(String)
        case digest(ContentDigest)
    }

    static let form = "oci://REGISTRY/REPOSITORY:TAG"
    static let defaultTag = "latest"
    static let maximumRepositoryBytes = 255

    /// `host` or `host:port`, in lower case.
    let host: String
    let repository: String
    let reference: Reference

    /// - Throws: `StorageError` with `unsupported`.
    init(_ uri: String) throws(StorageError) {
        let safe = WebLocation.redacted(uri)
        func refused(_ reason: String, _ advice: String = "Write it as \(Self.form).") -> StorageError {
            StorageError(.unsupported, "'\(safe)' \(reason). \(advice)")
        }
        let rest = uri.drop { $0 != ":" }.dropFirst()
        guard rest.hasPrefix("//"), !rest.contains("?"), !rest.contains("#") else {
            throw refused("is not an address in a registry")
        }
        let host = rest.dropFirst(2).prefix { $0 != "/" }
        guard Self.isHost(host) else { throw refused("names no registry") }
        var path = rest.dropFirst(2 + host.utf8.count).drop { $0 == "/" }
        if let mark = path.firstIndex(of: "@") {
            guard let digest = try? ContentDigest(String(path[path.index(after: mark)...])) else {
                throw refused("has no digest after '@'", "Write sha256: and 64 hex digits.")
            }
            reference = .digest(digest)
            path = path[..<mark]
            // As in Docker, a digest decides, and a tag beside it is only for people.
            if let colon = path.lastIndex(of: ":") { path = path[..<colon] }
        } else if let colon = path.lastIndex(of: ":") {
            let tag = path[path.index(after: colon)...]
            guard Self.isTag(tag) else { throw refused("has no tag after ':'") }
            reference = .tag(String(tag))
            path = path[..<colon]
        } else {
            reference = .tag(Self.defaultTag)
        }
        guard Self.isRepository(path) else {
            throw refused("names no repository", "A repository has lower-case letters, digits, '-', '_', '.' and '/'.")
        }
        self.host = host.lowercased()
        repository = String(path)
    }

    private init(host: String, repository: String, reference: Reference) {
        (self.host, self.repository, self.reference) = (host, repository, reference)
    }

    func pinned(to digest: ContentDigest) -> RegistryLocation {
        RegistryLocation(host: host, repository: repository, reference: .digest(digest))
    }

    var isPinned: Bool { if case .digest = reference { true } else { false } }

    /// The reference as the registry's API wants it.
    var name: String {
        switch reference {
        case .tag(let tag): tag
        case .digest(let digest): digest.description
        }
    }

    /// Docker's own registry has another host for its API, and a folder for repositories without one.
    private var isDockerHub: Bool { host == "docker.io" || host == "index.docker.io" }

    var apiRepository: String { isDockerHub && !repository.contains("/") ? "library/\(repository)" : repository }

    /// Encrypted, except on this machine.
    ///
    /// - Throws: `StorageError` with `unsupported`.
    func address(_ path: String) throws(StorageError) -> WebLocation {
        let place = "\(isDockerHub ? "registry-1.docker.io" : host)/v2/\(apiRepository)/\(path)"
        if let local = try? WebLocation("http://\(place)") { return local }
        return try WebLocation("https://\(place)")
    }

    /// The names under which Docker's configuration may keep the credentials.
    var credentialNames: [String] {
        isDockerHub
            ? ["https://index.docker.io/v1/", "index.docker.io", "docker.io"]
            : [host, "https://\(host)", "https://\(host)/", "https://\(host)/v1/", "https://\(host)/v2/"]
    }

    static func isHost(_ text: Substring) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let name = parts.first, (1...253).contains(name.utf8.count) else {
            return false
        }
        return name.utf8.allSatisfy { isPlain($0) || isCapital($0) || $0 == 0x2D || $0 == 0x2E }
            && isPlain(name.utf8.first ?? 0, orCapital: true) && (parts.count == 1 || (UInt16(parts[1]) ?? 0) > 0)
    }

    static func isTag(_ text: Substring) -> Bool {
        guard (1...128).contains(text.utf8.count), let first = text.utf8.first else { return false }
        return (isPlain(first, orCapital: true) || first == 0x5F)
            && text.utf8.allSatisfy { isPlain($0, orCapital: true) || [0x2D, 0x2E, 0x5F].contains($0) }
    }

    static func isRepository(_ text: Substring) -> Bool {
        (1...maximumRepositoryBytes).contains(text.utf8.count)
            && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                guard let first = part.utf8.first, let last = part.utf8.last else { return false }
                return isPlain(first) && isPlain(last) && !part.contains("..")
                    && part.utf8.allSatisfy { isPlain($0) || [0x2D, 0x2E, 0x5F].contains($0) }
            }
    }

    private static func isPlain(_ byte: UInt8, orCapital: Bool = false) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || orCapital && isCapital(byte)
    }

    private static func isCapital(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }

    var description: String {
        switch reference {
        case .tag(let tag): "oci://\(host)/\(repository):\(tag)"
        case .digest(let digest): "oci://\(host)/\(repository)@\(digest)"
        }
    }
}
