/// A rule that is there and holds next to nothing.
package struct WideRule: Hashable, Sendable {
    /// The policy's field.
    package var field: String
    /// What of it, and what that allows.
    package var reason: String
    package var advice: String
}

extension ProjectPolicy {
    /// Rules that name so much that whoever may commit is hardly held by them.
    package var wideRules: [WideRule] {
        var wide: [WideRule] = []
        for pattern in namespaces ?? [] where pattern.matchesAll {
            wide.append(
                WideRule(
                    field: "namespaces", reason: "'\(pattern)' is every namespace, those of other projects included",
                    advice: "namespaces: [NAME, \"NAME-*\"]"))
        }
        if case .only(let programs) = commands {
            let interpreters = programs.filter(Interpreters.isOne)
            if !interpreters.isEmpty {
                wide.append(
                    WideRule(
                        field: "commands",
                        reason:
                            "\(interpreters.prefix(3).map { "'\($0)'" }.joined(separator: ", ")) runs whatever its arguments "
                            + "say, so that every program is allowed",
                        advice: "commands: deny, or the programs themselves, such as [/srv/server/bin/serve]"))
            }
        }
        for root in modelSources ?? [] {
            guard let folder = root.folder, let reason = Self.reason(against: folder) else { continue }
            wide.append(
                WideRule(
                    field: "modelSources", reason: "'\(root)' \(reason)",
                    advice: "modelSources: [\"file:/srv/models/NAME/\"]"))
        }
        if hasPods, podSecurity == .privileged {
            wide.append(
                WideRule(
                    field: "podSecurity", reason: "'privileged' lets a pod take over its node",
                    advice: "podSecurity: restricted"))
        }
        return wide
    }

    /// Folders that hold what nobody serves as a model.
    private static let systemFolders = [
        "/etc", "/root", "/home", "/proc", "/sys", "/dev", "/run", "/var/run", "/var/lib", "/usr", "/boot", "/tmp",
    ]

    private static func reason(against folder: String) -> String? {
        if folder == "/" || folder == "/var" {
            return "is all of this machine, its secrets and mlctl's own state included"
        }
        // A folder for models below one of these is somebody's choice.
        return systemFolders.contains(folder) ? "holds files of this machine that are no models" : nil
    }
}

/// Programs, and images, that run other code by their nature.
enum Interpreters {
    private static let names: Set<String> = [
        "sh", "bash", "dash", "ash", "zsh", "ksh", "csh", "tcsh", "fish", "busybox", "toybox", "env", "xargs", "nohup",
        "setsid",
        "timeout", "nice", "stdbuf", "time", "sudo", "su", "doas", "chroot", "unshare", "nsenter", "ssh", "docker",
        "podman",
        "kubectl", "python", "pypy", "ipython", "perl", "ruby", "node", "nodejs", "deno", "bun", "php", "lua", "luajit",
        "tclsh",
        "rscript", "r", "julia", "java", "groovy", "scala", "pwsh", "powershell", "awk", "gawk", "mawk", "sed", "find",
        "make",
        "git", "uv", "uvx", "pip", "pipx", "conda", "mamba", "poetry", "npx", "npm", "cargo", "go", "swift", "gcc",
        "cc", "vim",
        "vi", "emacs", "gdb", "strace", "systemd-run", "ld.so", "alpine", "debian", "ubuntu", "fedora", "centos",
        "rockylinux",
    ]

    /// - Parameter program: a path, a name, or an image with its tag.
    static func isOne(_ program: String) -> Bool {
        let last = program.split(separator: "/").last.map(String.init) ?? program
        let name = last.prefix { $0 != ":" && $0 != "@" }.lowercased()
        // python3.12, ld-linux-x86-64.so.2
        let plain = name.prefix { !$0.isNumber }
        let bare = plain.hasSuffix("-") || plain.hasSuffix(".") ? plain.dropLast() : plain
        return names.contains(name) || names.contains(String(bare)) || name.hasPrefix("ld-linux")
    }
}
