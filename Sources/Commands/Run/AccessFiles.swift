import ArgumentParser
import ControlAPI
import Foundation
import Logging
import Presentation

/// The files with tokens and certificates, read at the start and again whenever they change.
///
/// At the start, a problem with a file is an error. Later, a token whose file is missing, readable by others or invalid is
/// refused until that is fixed; where a certificate cannot be used, the previous one stays.
struct AccessFiles: Sendable {
    static let interval: Duration = .seconds(2)
    static let mostPEMBytes = 1 << 20

    private let settings: AccessSettings
    private let tokenFile: String?
    private let environmentToken: String?
    private let state: URL

    /// - Parameters:
    ///   - tokenFile: `tokenFile` of the settings, a token with all rights.
    ///   - environmentToken: the controller's MLCTL_TOKEN, also a token with all rights. Used only where there is no `tokenFile`.
    init(settings: AccessSettings, tokenFile: String?, environmentToken: String?, state: URL) {
        self.settings = settings
        self.tokenFile = tokenFile
        self.environmentToken = environmentToken
        self.state = state
    }

    private struct Origin: Sendable {
        var caller: Caller
        var isShared: Bool
        var place: String
        var read: @Sendable (TrustRules) throws -> String
    }

    /// The state folder's token while the folder cannot be written.
    private let spare = TokenFile.random()

    private var origins: [Origin] {
        var origins = [
            Origin(
                caller: Caller(name: AccessSettings.stateTokenName, role: .admin), isShared: false,
                place: state.appending(path: TokenFile.stateName).path(percentEncoded: false)
            ) { [state, spare] in try TokenFile.ofState(state, spare: spare, rules: $0) }
        ]
        if let tokenFile {
            origins.append(
                Origin(
                    caller: Caller(name: AccessSettings.tokenFileName, role: .admin), isShared: true, place: tokenFile
                ) { try TokenFile(path: tokenFile).read($0) })
        } else if let environmentToken, !environmentToken.isEmpty {
            origins.append(
                Origin(
                    caller: Caller(name: AccessSettings.environmentName, role: .admin), isShared: true,
                    place: "MLCTL_TOKEN"
                ) { _ in environmentToken })
        }
        for token in settings.tokens {
            origins.append(
                Origin(caller: token.caller, isShared: true, place: token.file) {
                    try TokenFile(path: token.file).read($0)
                })
        }
        return origins
    }

    // MARK: Tokens

    /// All tokens.
    /// - Throws: `ValidationError` with the file and the reason, for the first token that cannot be used.
    func keys() throws -> AccessKeys {
        let (keys, problems) = read()
        if let problem = problems.first { throw ValidationError(problem.text) }
        return AccessKeys(keys)
    }

    private struct Problem: Hashable {
        var name: String
        var text: String
    }

    private func read() -> ([AccessKey], [Problem]) {
        var keys: [AccessKey] = []
        var owners: [String: String] = [:]
        var problems: [Problem] = []
        let rules = TrustRules.ofThisProcess()
        for origin in origins {
            do {
                let text = try origin.read(rules)
                if let owner = owners.updateValue(origin.caller.name, forKey: text) {
                    throw AccessFault("it equals the token '\(owner)', so it would be unclear who acted")
                }
                keys.append(try AccessKey(origin.caller, secret: text, isShared: origin.isShared))
            } catch {
                let text = error is TrustProblem ? "\(error)" : "\(origin.place): \(error)"
                problems.append(Problem(name: origin.caller.name, text: "token '\(origin.caller.name)': \(text)"))
            }
        }
        return (keys, problems)
    }

    // MARK: Certificates

    /// Nil without TLS.
    /// - Throws: `ValidationError` with the file and the reason.
    func certificates() throws -> ServerCertificates? {
        guard let tls = settings.tls else { return nil }
        do {
            return try ServerCertificates(try material(tls))
        } catch {
            throw ValidationError("tls: \(error)")
        }
    }

    private func material(_ tls: AccessSettings.TLS) throws -> ServerCertificates.Material {
        func bytes(_ path: String, as use: TrustRules.Use) throws -> [UInt8] {
            if let problem = try TrustedPlaces.problem(with: path, as: use) { throw problem }
            return try TokenFile.bytes(of: path, most: Self.mostPEMBytes)
        }
        return ServerCertificates.Material(
            certificates: try bytes(tls.certificateFile, as: .settings), key: try bytes(tls.keyFile, as: .secret),
            clientAuthorities: try tls.clientCAFile.map { try bytes($0, as: .settings) })
    }

    // MARK: Following

    /// Checks the files every two seconds until it is cancelled.
    func follow(_ register: TokenRegistry, _ certificates: ServerCertificates?, logger: Logger) async throws {
        var known = AccessChanges()
        while !Task.isCancelled {
            try await Task.sleep(for: Self.interval)
            let (keys, problems) = read()
            register.replace(AccessKeys(keys))
            for text in known.news(of: keys, problems: problems.map(\.text)) {
                logger.notice("Access changed", metadata: ["what": "\(text)"])
            }
            guard let tls = settings.tls, let certificates else { continue }
            do {
                let material = try material(tls)
                if material != certificates.material {
                    try certificates.replace(material)
                    logger.notice("TLS uses a new certificate", metadata: ["file": "\(tls.certificateFile)"])
                }
                known.certificateProblem = nil
            } catch {
                let text = "\(error)"
                if known.certificateProblem != text {
                    logger.error("TLS keeps its previous certificate", metadata: ["error": "\(text)"])
                }
                known.certificateProblem = text
            }
        }
    }
}

/// Remembers what was logged about the files, so that each change is logged once.
private struct AccessChanges {
    private var keys: [String: AccessKey]?
    private var problems: Set<String> = []
    var certificateProblem: String?

    mutating func news(of current: [AccessKey], problems found: [String]) -> [String] {
        let now = Dictionary(current.map { ($0.caller.name, $0) }) { first, _ in first }
        defer {
            keys = now
            problems = Set(found)
        }
        guard let keys else { return found }
        let changed = now.filter { keys[$0.key] != nil && keys[$0.key] != $0.value }.keys.sorted()
        let back = now.keys.filter { keys[$0] == nil }.sorted()
        return changed.map { "token '\($0)' was changed" } + back.map { "token '\($0)' is valid" }
            + found.filter { !problems.contains($0) }
    }
}
