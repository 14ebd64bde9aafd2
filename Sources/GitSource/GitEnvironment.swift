import Foundation

/// The environment that git runs in: nothing of the caller's but what git, ssh and TLS need, and nothing that asks.
struct GitEnvironment: Sendable {
    /// Handed on where set: search path, identity, ssh agent, proxies and certificates. `GIT_SSH_COMMAND` gets options
    /// appended, so that a deploy key chosen with it goes on working.
    static let handedOn = [
        "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "GIT_SSL_CAINFO", "GIT_EXEC_PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ]
    static let sshOptions = "-o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10 -o ServerAliveCountMax=3"

    /// Settings of one call, whatever the user's own git configuration says.
    static let settings: [(key: String, value: String)] = [
        ("core.hooksPath", "/dev/null"),
        ("core.fsmonitor", "false"),
        ("credential.interactive", "false"),
        ("fetch.recurseSubmodules", "false"),
        ("fetch.writeCommitGraph", "false"),
        // Collected by the repository itself, when a look has found nothing new.
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("http.lowSpeedLimit", "1000"),
        ("http.lowSpeedTime", "30"),
        ("safe.directory", "*"),
    ]

    let variables: [String: String]

    init(inherited: [String: String], location: GitLocation) {
        var variables = inherited.filter { Self.handedOn.contains($0.key) }
        variables["GIT_TERMINAL_PROMPT"] = "0"
        // Set but empty: git then asks no program, whatever core.askPass or SSH_ASKPASS say.
        variables["GIT_ASKPASS"] = ""
        variables["GIT_CONFIG_NOSYSTEM"] = "1"
        // Both, because the user's configuration may turn one into the other (url.….insteadOf).
        variables["GIT_ALLOW_PROTOCOL"] = location.transport == .file ? "file" : "https:ssh"
        variables["GIT_SSH_COMMAND"] = "\(inherited["GIT_SSH_COMMAND"] ?? "ssh") \(Self.sshOptions)"
        variables["GIT_LITERAL_PATHSPECS"] = "1"
        variables["GIT_NO_LAZY_FETCH"] = "1"
        variables["GIT_OPTIONAL_LOCKS"] = "0"
        variables["LC_ALL"] = "C"
        var settings = Self.settings
        if let credentials = location.credentials {
            settings.append(
                (
                    "http.\(location.origin)/.extraHeader",
                    "Authorization: Basic \(Data(credentials.utf8).base64EncodedString())"
                ))
        }
        variables["GIT_CONFIG_COUNT"] = String(settings.count)
        for (index, setting) in settings.enumerated() {
            variables["GIT_CONFIG_KEY_\(index)"] = setting.key
            variables["GIT_CONFIG_VALUE_\(index)"] = setting.value
        }
        self.variables = variables
    }
}

extension GitLocation {
    /// `https://host:port`, to which credentials are kept.
    var origin: String {
        guard let start = address.range(of: "://")?.upperBound else { return address }
        let end = address[start...].firstIndex { "/?#".contains($0) } ?? address.endIndex
        return String(address[..<end])
    }
}
