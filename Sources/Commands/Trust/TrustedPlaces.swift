import ArgumentParser
import Foundation
import Glibc
import KubernetesClient
import Logging

/// Checks files before this process trusts them.
enum TrustedPlaces {
    static let folderMode: mode_t = 0o700
    static let fileMode: mode_t = 0o600
    private static let mostSecrets = 1000

    // MARK: Checks

    /// Checks the state folder. With `making` it is created where it is missing; the controller does that.
    /// - Throws: `ValidationError` with what is wrong and what to do.
    static func checkState(
        _ folder: URL, making isMade: Bool = false, rules: TrustRules = .ofThisProcess(), logger: Logger? = nil
    ) throws {
        let path = folder.path(percentEncoded: false)
        try check(path, as: .stateFolder, rules)
        guard isMade else { return }
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: Int(folderMode)])
        try check(path, as: .stateFolder, rules)
        closeFolderToOthers(path, rules, logger)
        try checkSecrets(folder.appending(path: "secrets").path(percentEncoded: false), rules, logger)
    }

    /// - Throws: `ValidationError` with what is wrong and what to do.
    static func check(_ path: String, as use: TrustRules.Use, _ rules: TrustRules = .ofThisProcess()) throws {
        if let problem = try problem(with: path, as: use, rules) { throw ValidationError(problem.description) }
    }

    static func problem(
        with path: String, as use: TrustRules.Use, _ rules: TrustRules = .ofThisProcess()
    ) throws -> TrustProblem? {
        let mounts = rules.isInPod ? MountPoints.read() : []
        let walk = PathWalk { path in
            var found = facts(of: path)
            found?.isMountPoint = mounts.contains(path)
            return found
        }
        do {
            return rules.problem(with: try walk.steps(to: absolute(path)), as: use)
        } catch let problem as TrustProblem {
            return problem
        }
    }

    /// Closes a folder that others can only read. They cannot have changed anything in it, so that is enough.
    private static func closeFolderToOthers(_ path: String, _ rules: TrustRules, _ logger: Logger?) {
        var about = stat()
        guard stat(path, &about) == 0, about.st_uid == rules.user, about.st_mode & 0o077 != 0 else { return }
        guard chmod(path, folderMode) == 0 else {
            logger?.warning("Others may read the state folder: chmod 700", metadata: ["folder": "\(path)"])
            return
        }
        logger?.notice("Closed the state folder to others (mode 0700)", metadata: ["folder": "\(path)"])
    }

    /// Checks the files in `secrets/` and in its project folders. A file that others could have written is refused; a file that
    /// others could only read is closed to them. Hidden files are not secrets.
    private static func checkSecrets(
        _ folder: String, _ rules: TrustRules, _ logger: Logger?, ofProject: Bool = false
    ) throws {
        guard facts(of: folder) != nil else { return }
        try check(folder, as: .stateFolder, rules)
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { !$0.hasPrefix(".") }
        for name in names.sorted().prefix(mostSecrets) {
            let path = "\(folder)/\(name)"
            switch facts(of: path)?.kind {
            case .folder:
                if !ofProject { try checkSecrets(path, rules, logger, ofProject: true) }
            case .file:
                try check(path, as: .settings, rules)
                closeFileToOthers(path, rules, logger)
            // The target of a link may belong to somebody else; it is only checked.
            default: try check(path, as: .settings, rules)
            }
        }
    }

    /// Closes exactly this file. A link that may have replaced it is left alone.
    private static func closeFileToOthers(_ path: String, _ rules: TrustRules, _ logger: Logger?) {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        var about = stat()
        guard fstat(file, &about) == 0, about.st_mode & S_IFMT == S_IFREG, about.st_uid == rules.user,
            about.st_nlink == 1, about.st_mode & 0o077 != 0, fchmod(file, fileMode) == 0
        else { return }
        logger?.notice("Closed a secret to others (mode 0600)", metadata: ["file": "\(path)"])
    }

    // MARK: Reading file properties

    static func facts(of path: String) -> FileFacts? {
        var about = stat()
        guard lstat(path, &about) == 0 else { return nil }
        return FileFacts(
            kind: kind(about, path), owner: about.st_uid, group: about.st_gid, mode: about.st_mode & 0o7777)
    }

    private static func kind(_ about: stat, _ path: String) -> FileFacts.Kind {
        switch about.st_mode & S_IFMT {
        case S_IFDIR: .folder
        case S_IFREG: .file
        case S_IFLNK: .link(to: (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? "")
        default: .other
        }
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }
}

extension TrustRules {
    static func ofThisProcess(environment: [String: String] = ProcessInfo.processInfo.environment) -> TrustRules {
        let user = geteuid()
        var list = [gid_t](repeating: 0, count: 1024)
        let count = max(0, getgroups(Int32(list.count), &list))
        var root = stat()
        return TrustRules(
            user: user, privateGroup: PrivateGroup.of(user),
            groups: Set(list.prefix(Int(count))).union([getegid()]),
            machineOwner: stat("/", &root) == 0 ? root.st_uid : 0, isInPod: ClusterConnection.isPod(environment))
    }
}

/// The private group of a user: the group of the same name without other members, on systems that create one for each user.
enum PrivateGroup {
    private static let mostBytes = 64 << 10

    static func of(_ user: UInt32) -> UInt32? {
        var person = passwd()
        var foundPerson: UnsafeMutablePointer<passwd>?
        var personBytes = [CChar](repeating: 0, count: mostBytes)
        guard getpwuid_r(user, &person, &personBytes, personBytes.count, &foundPerson) == 0, foundPerson != nil else {
            return nil
        }
        let name = String(cString: person.pw_name)
        var group = Glibc.group()
        var foundGroup: UnsafeMutablePointer<Glibc.group>?
        var groupBytes = [CChar](repeating: 0, count: mostBytes)
        guard getgrgid_r(person.pw_gid, &group, &groupBytes, groupBytes.count, &foundGroup) == 0, foundGroup != nil,
            String(cString: group.gr_name) == name
        else { return nil }
        var member = group.gr_mem
        while let entry = member?.pointee {
            guard String(cString: entry) == name else { return nil }
            member = member?.advanced(by: 1)
        }
        return person.pw_gid
    }
}

/// Where file systems are mounted (proc(5), mountinfo).
enum MountPoints {
    static func read() -> Set<String> {
        parse((try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? "")
    }

    /// The mount point is the fifth field of each line; blanks in it are written `\040`.
    static func parse(_ text: String) -> Set<String> {
        Set(
            text.split(separator: "\n").compactMap { line -> String? in
                let fields = line.split(separator: " ")
                guard fields.count > 4 else { return nil }
                return String(fields[4]).replacing("\\040", with: " ").replacing("\\011", with: "\t")
                    .replacing("\\012", with: "\n").replacing("\\134", with: "\\")
            })
    }
}
