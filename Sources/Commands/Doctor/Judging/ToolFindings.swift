/// Checks that the programs that mlctl calls exist and are new enough. Pure.
enum ToolFindings {
    struct Version: Hashable, Comparable, Sendable, CustomStringConvertible {
        var major: Int
        var minor: Int

        init(_ major: Int, _ minor: Int) {
            self.major = major
            self.minor = minor
        }

        /// The first `N.N` in a program's version output: `git version 2.39.5`, `OpenSSH_9.2p1 Debian-2`.
        init?(in text: String) {
            guard let match = text.firstMatch(of: #/(\d{1,5})\.(\d{1,5})/#), let major = Int(match.1),
                let minor = Int(match.2)
            else { return nil }
            self.init(major, minor)
        }

        static func < (one: Version, other: Version) -> Bool { (one.major, one.minor) < (other.major, other.minor) }

        var description: String { "\(major).\(minor)" }
    }

    struct Tool: Hashable, Sendable {
        var check: CheckID
        var program: String
        var package: String
        var least: Version
        /// Why an older version is not enough.
        var reason: String
    }

    static let git = Tool(
        check: .toolGit, program: "git", package: "git", least: Version(2, 31),
        reason: "older versions ignore GIT_CONFIG_COUNT, so they would follow redirects with credentials and run hooks"
    )
    static let ssh = Tool(
        check: .toolSSH, program: "ssh", package: "openssh-client", least: Version(7, 2),
        reason: "older versions sign only with SHA-1, which git servers refuse")

    /// - Parameter said: the version output; nil where the program does not exist.
    static func finding(_ tool: Tool, said: String?) -> Finding {
        guard let said else {
            return .problem(
                tool.check, "\(tool.program) is not on the PATH", "apt-get install \(tool.package)")
        }
        guard let version = Version(in: said) else {
            return .notLookedAt(tool.check, "\(tool.program) does not print its version")
        }
        guard version >= tool.least else {
            return .problem(
                tool.check, "\(tool.program) \(version) is older than \(tool.least): \(tool.reason)",
                "Install \(tool.program) \(tool.least) or newer")
        }
        return .ok(tool.check, "\(tool.program) \(version) (at least \(tool.least))")
    }

    /// A program that a manifest or the settings start.
    struct Program: Hashable, Sendable {
        var name: String
        /// What starts it, such as `payments/fraud-scorer` or `source 'probe'`.
        var wantedBy: String
        var isFound: Bool
    }

    private static let shown = 5

    /// - Parameter programs: nil where the manifests could not be read.
    static func programs(_ programs: [Program]?) -> [Finding] {
        guard let programs else { return [.notLookedAt(.toolProgram, "the manifests could not be read")] }
        guard !programs.isEmpty else {
            return [.notApplicable(.toolProgram, "no manifest or setting starts a program on this machine")]
        }
        let missing = programs.filter { !$0.isFound }
        guard !missing.isEmpty else {
            return [
                .ok(
                    .toolProgram,
                    "all programs that are started exist: \(Set(programs.map(\.name)).count.counted("program"))")
            ]
        }
        return missing.prefix(shown).map {
            .problem(
                .toolProgram, "\($0.wantedBy) starts '\($0.name)', which is not on the PATH of this user",
                "Install it, or give its full path; a systemd service has its own PATH (Environment=PATH=…)")
        }
    }
}
