import ControlAPI
import Foundation
import Glibc
import MetricSources

/// Reads the files and folders of an installation. It changes and creates nothing.
struct FileInspection: Sendable {
    private static let mostSecrets = 1000

    let installation: InspectedInstallation

    private var rules: TrustRules { installation.rules }

    // MARK: Modes

    func state() throws -> [Finding] {
        let path = installation.statePath
        // For a link: the folder that it points to.
        guard let facts = Self.facts(behind: path) else {
            return ModeFindings.state(
                .init(
                    path: path, facts: nil, access: .none, problem: nil, secretProblems: [], openSecrets: [],
                    secretCount: 0))
        }
        let names = secretNames()
        return ModeFindings.state(
            ModeFindings.State(
                path: path, facts: facts, access: access,
                problem: try TrustedPlaces.problem(with: path, as: .stateFolder, rules),
                secretProblems: try names.compactMap { name in
                    let use: TrustRules.Use = TrustedPlaces.facts(of: name)?.kind == .folder ? .stateFolder : .settings
                    return try TrustedPlaces.problem(with: name, as: use, rules)
                },
                openSecrets: names.filter { name in
                    guard let facts = Self.facts(behind: name) else { return false }
                    return facts.kind == .file && facts.owner == rules.user && facts.mode & 0o077 != 0
                },
                secretCount: names.count { Self.facts(behind: $0)?.kind == .file }))
    }

    /// The access of the current user to the state folder.
    private var access: ModeFindings.Access {
        let path = installation.statePath
        guard Glibc.access(path, R_OK | X_OK) == 0 else { return .none }
        return Glibc.access(path, W_OK) == 0 ? .writes : .reads
    }

    private var isClosed: Bool { Self.facts(behind: installation.statePath)?.kind == .folder && access == .none }

    /// `secrets/`, the files in it, and the files in its project folders.
    private func secretNames() -> [String] {
        let folder = "\(installation.statePath)/secrets"
        guard TrustedPlaces.facts(of: folder) != nil else { return [] }
        func names(_ folder: String) -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().map { "\(folder)/\($0)" }
        }
        let first = names(folder)
        let inner = first.filter { TrustedPlaces.facts(of: $0)?.kind == .folder }.flatMap(names)
        return Array(([folder] + first + inner).prefix(Self.mostSecrets))
    }

    func settings() throws -> [Finding] {
        guard let config = installation.config else { return [ModeFindings.settings(nil)] }
        return [ModeFindings.settings(try named("settings", config, .settings))]
    }

    func secrets() throws -> [Finding] {
        guard let settings = installation.known else { return ModeFindings.named(nil) }
        return ModeFindings.named(try namedFiles(settings))
    }

    private func namedFiles(_ settings: RunSettings) throws -> [ModeFindings.NamedFile] {
        var files: [(String, String, TrustRules.Use)] = []
        if let path = settings.tokenFile { files.append(("tokenFile", path, .secret)) }
        files += settings.access.tokens.map { ("token '\($0.name)'", $0.file, .secret) }
        if let tls = settings.access.tls {
            files.append(("certificate of tls", tls.certificateFile, .settings))
            files.append(("key of tls", tls.keyFile, .secret))
            if let path = tls.clientCAFile { files.append(("clientCAFile of tls", path, .settings)) }
        }
        if let webhook = settings.webhook { files.append(("secret of the webhook", webhook.secretFile, .secret)) }
        for project in settings.projects {
            for path in [project.tokenFile, project.credentialsFile, project.writeBack.signingKeyFile].compactMap(
                \.self)
            {
                files.append(("credentials of project '\(project.name)'", path, .secret))
            }
        }
        for source in settings.sources {
            files += source.secretFiles.map { ("secret of source '\(source.name)'", $0, .secret) }
            files += source.trustFiles.map { ("certificates of source '\(source.name)'", $0, .settings) }
        }
        return try files.map { try named($0, $1, $2) }
    }

    private func named(_ noun: String, _ path: String, _ use: TrustRules.Use) throws -> ModeFindings.NamedFile {
        ModeFindings.NamedFile(
            noun: noun, path: path, use: use, isThere: Self.facts(behind: path) != nil,
            problem: try TrustedPlaces.problem(with: path, as: use, rules))
    }

    /// The properties of a file; links are followed.
    static func facts(behind path: String) -> FileFacts? {
        var about = stat()
        guard stat(path, &about) == 0 else { return nil }
        let kind: FileFacts.Kind =
            switch about.st_mode & S_IFMT {
            case S_IFDIR: .folder
            case S_IFREG: .file
            default: .other
            }
        return FileFacts(kind: kind, owner: about.st_uid, group: about.st_gid, mode: about.st_mode & 0o7777)
    }

    // MARK: Tokens

    /// The tokens of the state folder, the settings and the environment. It creates no new token.
    func tokens() -> [TokenFindings.Token] {
        func text(of path: String) -> String? {
            guard let bytes = try? TokenFile.bytes(of: path, most: TokenFile.mostBytes) else { return nil }
            return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
        }
        let settings = installation.known ?? RunSettings()
        var tokens: [TokenFindings.Token] = []
        let state = "\(installation.statePath)/\(TokenFile.stateName)"
        if isClosed || Self.facts(behind: state) != nil {
            tokens.append(
                .init(
                    caller: Caller(name: AccessSettings.stateTokenName, role: .admin), place: state, isGiven: false,
                    text: text(of: state)))
        }
        if let path = settings.tokenFile {
            tokens.append(
                .init(
                    caller: Caller(name: AccessSettings.tokenFileName, role: .admin), place: path, isGiven: true,
                    text: text(of: path)))
        } else if let text = installation.environment["MLCTL_TOKEN"], !text.isEmpty, installation.controller == nil {
            // The environment of a running controller is not visible, and this one belongs to the command.
            tokens.append(
                .init(
                    caller: Caller(name: AccessSettings.environmentName, role: .admin), place: "MLCTL_TOKEN",
                    isGiven: true, text: text))
        }
        tokens += settings.access.tokens.map {
            .init(caller: $0.caller, place: $0.file, isGiven: true, text: text(of: $0.file))
        }
        return tokens
    }

    // MARK: Traces of a controller

    func controller() -> [Finding] {
        let path = installation.statePath
        let isThere = Self.facts(behind: path)?.kind == .folder
        let isRunning = isThere ? RunningController.isLocked(installation.state) : nil
        let record = ControllerRecord.read(in: installation.state)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return ControllerFindings.all(
            ControllerFindings.Controller(
                state: path, isClosed: isClosed, isRunning: isRunning, pid: record?.pid, version: record?.version,
                api: record?.api,
                isProgramReplaced: installation.controller?.isProgramReplaced ?? false,
                hasDeadSocket: isRunning == false && ControllerRecord.hasSocket(in: installation.state),
                damagedJournals: names.filter { $0.contains(".sqlite.corrupt-") }.sorted()
                    .map { "\(path)/\($0)" },
                ownVersion: Version.text))
    }

    // MARK: Disks

    func disks() throws -> [Finding] {
        let state = installation.statePath
        let places = [("state folder", state), ("model cache", "\(state)/models"), ("logs", "\(state)/logs")]
        var disks: [UInt64: DiskFindings.Disk] = [:]
        var order: [UInt64] = []
        for (noun, path) in places {
            guard let (existing, device) = Self.existing(path) else { continue }
            // A folder that does not exist yet will be on the disk of the folder above it.
            if disks[device] != nil {
                disks[device]?.places.append(noun)
                continue
            }
            var about = statvfs()
            guard statvfs(existing, &about) == 0 else { continue }
            order.append(device)
            disks[device] = DiskFindings.Disk(
                places: ["\(noun) \(path)"], path: existing,
                freeBytes: Int64(about.f_bavail) * Int64(about.f_frsize),
                totalBytes: Int64(about.f_blocks) * Int64(about.f_frsize), freeFiles: Int64(about.f_favail),
                totalFiles: Int64(about.f_files), isReadOnly: about.f_flag & UInt(ST_RDONLY) != 0)
        }
        let findings = order.compactMap { disks[$0].map(DiskFindings.finding) }
        return findings.isEmpty
            ? [.notLookedAt(.diskRoom, "\(state) and the folders above it cannot be read")] : findings
    }

    private static func existing(_ path: String) -> (path: String, device: UInt64)? {
        var path = path
        while true {
            var about = stat()
            if stat(path, &about) == 0 { return (path, UInt64(about.st_dev)) }
            guard let slash = path.lastIndex(of: "/"), path != "/" else { return nil }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }
}

extension String {
    var trimmingSlash: String { count > 1 && hasSuffix("/") ? String(dropLast()) : self }
}
