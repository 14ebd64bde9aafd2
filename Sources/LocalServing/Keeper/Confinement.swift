import CLinuxProcess
import Glibc
import ModelManifests

/// What a server can see of the state folder, and which user it runs as.
struct Confinement: Equatable, Sendable {
    enum View: Equatable, Sendable {
        /// It can read the cache that it shares with other servers, but not write to it.
        case readOnly(cache: String)
        /// It sees only its model and its working folder. Another user could not enter the state folder otherwise.
        case alone(state: String, model: String?, work: String?)
    }

    var view: View?
    var user: SystemUser?

    /// - Throws: `LocalServingError` if the user cannot be used.
    static func of(_ spec: InstanceSpec, state: StateFolder, working: String) throws -> Confinement? {
        if let runAs = spec.template.runtime.runAs {
            let user = try SystemUser(runAs.user)
            let isModel = spec.modelFolder == working
            return Confinement(
                view: .alone(state: state.path, model: isModel ? working : nil, work: isModel ? nil : working),
                user: user)
        }
        guard spec.view == .mount else { return nil }
        return Confinement(view: .readOnly(cache: state.models), user: nil)
    }

    /// Whether this machine permits this user to make mounts that only one process sees.
    static func isPossible(in state: StateFolder) -> Bool { clp_can_confine(state.path) == 0 }

    /// - Returns: 0, or a negative errno. On failure `step` says where it failed.
    func spawn(
        _ program: String, _ argv: UnsafePointer<UnsafeMutablePointer<CChar>?>,
        _ envp: UnsafePointer<UnsafeMutablePointer<CChar>?>, workingFolder: String, output: String, flags: Int32,
        pid: inout pid_t, step: inout Int32
    ) -> Int32 {
        var wanted = clp_confinement()
        var texts: [UnsafeMutablePointer<CChar>?] = []
        defer { for text in texts { free(text) } }
        func copy(_ text: String?) -> UnsafePointer<CChar>? {
            guard let text, let made = strdup(text) else { return nil }
            texts.append(made)
            return UnsafePointer(made)
        }
        switch view {
        case .readOnly(let cache): wanted.read_only = copy(cache)
        case .alone(let state, let model, let work):
            wanted.hidden = copy(state)
            wanted.kept_read_only = copy(model)
            wanted.kept_writable = copy(work)
        case nil: break
        }
        let groups = user?.groups ?? []
        return groups.withUnsafeBufferPointer { groups in
            if let user {
                wanted.changes_user = 1
                wanted.user = user.id
                wanted.group = user.group
                wanted.groups = groups.baseAddress
                wanted.group_count = Int32(groups.count)
            }
            return clp_spawn_confined(
                program, argv, envp, workingFolder, output, flags, &wanted, &pid, &step)
        }
    }

    func failure(_ error: SystemError, step: Int32, _ program: String, workingFolder: String) -> LocalServingError {
        switch step {
        case 1, 2:
            ServerCommand.missing(
                "\(program) cannot get a read-only mount of the model's files (\(error)): mounts are not permitted "
                    + "on this machine. Allow user namespaces, or restart the controller: it then makes copies.")
        case 3:
            ServerCommand.missing(
                "\(program) cannot run as the user \(user?.name ?? ""): \(error). Check that this user can enter "
                    + "\(workingFolder) and all folders above it, or move the state folder to a place such as /var/lib/mlctl."
            )
        default: DetachedProcess.failure(error, program)
        }
    }
}

/// A user of this machine, with their groups.
struct SystemUser: Equatable, Sendable {
    private static let maximumGroups = 256

    var name: String
    var id: uid_t
    var group: gid_t
    var groups: [gid_t]
    var home: String

    /// - Throws: `LocalServingError` if there is no such user, or if this process cannot switch users.
    init(_ name: String) throws {
        guard geteuid() == 0 else {
            throw ServerCommand.missing(
                "runtime.runAs names the user \(name.debugDescription), but only a controller that runs as root can start "
                    + "servers as another user. Run the controller as root, or leave runAs out.")
        }
        var groups = [gid_t](repeating: 0, count: Self.maximumGroups)
        var home = [CChar](repeating: 0, count: Int(PATH_MAX))
        var (id, group) = (uid_t(0), gid_t(0))
        let count = clp_user(name, &id, &group, &groups, Int32(groups.count), &home, Int32(home.count))
        guard count >= 0 else {
            throw ServerCommand.missing(
                "runtime.runAs names the user \(name.debugDescription), who does not exist on this machine. "
                    + "Add the user (useradd --system), or correct runAs.user.")
        }
        self.name = name
        self.id = id
        self.group = group
        self.groups = Array(groups.prefix(Int(count)))
        self.home = String(decoding: home.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
