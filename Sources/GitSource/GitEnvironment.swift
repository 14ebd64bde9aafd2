import Foundation

/// The environment of git. It inherits only the variables that git, ssh and TLS need, and never prompts.
struct GitEnvironment: Sendable {
    /// Inherited if set: search path, identity, ssh agent, proxies and certificates. `GIT_SSH_COMMAND` is inherited too, with
    /// options appended, so that a deploy key chosen with it keeps working.
    static let handedOn = [
        "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "GIT_SSL_CAINFO", "GIT_EXEC_PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ]
    static let sshOptions = "-o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10 -o ServerAliveCountMax=3"

    struct Setting: Hashable, Sendable {
        var key: String
        var value: String

        init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// Settings of each call. They override the user's own git configuration.
    static let settings =
        [
            Setting("core.hooksPath", "/dev/null"),
            Setting("core.fsmonitor", "false"),
            Setting("credential.interactive", "false"),
            Setting("fetch.recurseSubmodules", "false"),
            Setting("fetch.writeCommitGraph", "false"),
            // `GitRepository` collects garbage itself, when a check has found nothing new.
            Setting("gc.auto", "0"),
            Setting("maintenance.auto", "false"),
            Setting("http.lowSpeedLimit", "1000"),
            Setting("http.lowSpeedTime", "30"),
            // A redirect would send the headers and credentials of one host to another. `http-alternates` can redirect too.
            Setting("http.followRedirects", "false"),
            Setting("transfer.bundleURI", "false"),
            Setting("safe.directory", "*"),
            // Each fetch writes one pack file, because a system limit (`ulimit -f`) bounds the size of one file.
            Setting("fetch.unpackLimit", "1"),
            Setting("transfer.unpackLimit", "1"),
        ] + memory.map { Setting($0.key, $0.value) }

    /// One thread and little memory, so that one repository does not slow down others. Also used for the remote end of a local
    /// fetch.
    static let memory = [
        Setting("pack.threads", "1"),
        Setting("pack.windowMemory", "32m"),
        Setting("pack.deltaCacheSize", "16m"),
        Setting("core.bigFileThreshold", "1m"),
        Setting("core.packedGitWindowSize", "32m"),
        Setting("core.packedGitLimit", "256m"),
        Setting("core.deltaBaseCacheLimit", "32m"),
    ]

    private let inherited: [String: String]
    private let transport: GitLocation.Transport

    init(inherited: [String: String], location: GitLocation) {
        var variables = inherited.filter { Self.handedOn.contains($0.key) }
        variables["GIT_TERMINAL_PROMPT"] = "0"
        // If it is set but empty, git runs no program to ask for a password, whatever core.askPass or SSH_ASKPASS say.
        variables["GIT_ASKPASS"] = ""
        variables["GIT_CONFIG_NOSYSTEM"] = "1"
        variables["GIT_SSH_COMMAND"] = "\(inherited["GIT_SSH_COMMAND"] ?? "ssh") \(Self.sshOptions)"
        variables["GIT_LITERAL_PATHSPECS"] = "1"
        variables["GIT_NO_LAZY_FETCH"] = "1"
        variables["GIT_OPTIONAL_LOCKS"] = "0"
        variables["LC_ALL"] = "C"
        self.inherited = variables
        transport = location.transport
    }

    /// - Parameters:
    ///   - reaches: which remote git may contact.
    ///   - more: settings of this call. They come last, so they win.
    func variables(reaches: RemoteAccess, settings more: [Setting] = []) -> [String: String] {
        var variables = inherited
        switch reaches {
        case .nobody: variables["GIT_ALLOW_PROTOCOL"] = "none"
        case .source, .sourceAsStranger:
            // Both are allowed, because the user's configuration may rewrite one to the other (url.….insteadOf).
            variables["GIT_ALLOW_PROTOCOL"] = transport == .file ? "file" : "https:ssh"
        }
        if reaches == .sourceAsStranger {
            variables["GIT_CONFIG_GLOBAL"] = "/dev/null"
            variables["HOME"] = "/nonexistent"
            variables["XDG_CONFIG_HOME"] = nil
        }
        let settings = Self.settings + more
        variables["GIT_CONFIG_COUNT"] = String(settings.count)
        for (index, setting) in settings.enumerated() {
            variables["GIT_CONFIG_KEY_\(index)"] = setting.key
            variables["GIT_CONFIG_VALUE_\(index)"] = setting.value
        }
        return variables
    }
}

/// Which remote a call of git may contact.
enum RemoteAccess: Hashable, Sendable {
    case nobody
    /// The source, with its credentials.
    case source
    /// The source, without credentials and without the user's configuration, which may contain some.
    case sourceAsStranger
}
