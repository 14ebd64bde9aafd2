import SafeText

/// The fields of `projects:` in the controller's settings.
enum ProjectFields {
    static let projectLimit = 1000

    static let projects = Shape<[WrittenProject]>.list(project, count: 1...projectLimit)

    private static let project = Shape<WrittenProject>.object(
        WrittenProject(),
        fields: [
            Field("name", .dnsLabel, "The project's name in status and metrics.", isRequired: true) {
                $0.project.name = $1
            },
            Field(
                "repo", .string(), "The git repository: a folder, file:, https: or ssh: address.", isRequired: true
            ) { $0.project.repo = $1 },
            Field(
                "ref", reference,
                "Which commit is read: {branch: main}, {tag: v3}, {semver: '>=1.2 <2'} or {commit: …}."
            ) {
                $0.project.reference = $1
            },
            Field("path", .string(), "The folder of the repository with the manifests. Default: the whole repository.")
            {
                $0.project.path = $1
            },
            Field(
                "credentialsFile", .string(),
                "A file with user:password, or in the form of git's credential store. Nobody else may read it."
            ) { $0.project.credentialsFile = $1 },
            Field("tokenFile", .string(), "A file with only a token. Nobody else may read it.") {
                $0.project.tokenFile = $1
            },
            Field("allowEmpty", .boolean, "A commit without any manifest removes all deployments. Default: false.") {
                $0.project.allowsEmpty = $1
            },
            Field("writeBack", writeBack, "How a rollback reaches the repository. Default: not at all.") {
                $0.project.writeBack = $1
            },
            Field("webhooks", webhooks, "Which deliveries of its git server count. Default: all.") {
                $0.project.hookSecretFile = $1
            },
            Field("verify", verify, "Whose signature a commit needs before it is used. Default: none is needed.") {
                $0.project.verify = $1
            },
            Field("policy", policy, "What its manifests may do. Default: anything.") { $0.project.policy = $1 },
        ], rules: [.atMostOne(["credentialsFile", "tokenFile"])],
        check: { written, node, reading in
            written.node = node
            let isBranch = if case .branch = written.project.reference { true } else { false }
            if written.project.writeBack.mode != .none, !isBranch {
                reading.report(
                    "needs a ref that is a branch: a tag or a commit cannot be changed", field: "writeBack", of: node,
                    suggestion: "write ref: {branch: main}, or take writeBack out")
            }
            if written.project.writeBack.mode == .push, written.project.writeBack.signingKeyFile == nil,
                written.project.verify != nil
            {
                reading.report(
                    "would push commits that 'verify' does not accept, because they are not signed", field: "writeBack",
                    of: node, suggestion: "add a signingKeyFile whose public key 'verify' allows, or write mode: branch"
                )
            }
            // A user of ssh is no secret.
            if let repo = node["repo"]?.text, let info = UserInfo.of(repo),
                !repo.lowercased().hasPrefix("ssh:") || info.contains(":")
            {
                reading.report(
                    UserInfo.problem, field: "repo", of: node,
                    suggestion: "take it out, and name a tokenFile or a credentialsFile")
            }
        })

    private static let writeBack = Shape<WriteBack>.object(
        WriteBack(),
        fields: [
            Field(
                "mode", .choice(of: "mode", available: [.none, .branch, .push]),
                "none; branch: a commit on the branch mlctl/revert/NAMESPACE/NAME/REVISION; push: on the branch that is read.",
                isRequired: true
            ) { $0.mode = $1 },
            Field("author", author, "Whose name its commits have: 'NAME <ADDRESS>'.") { $0.author = $1 },
            Field("signingKeyFile", .string(), "A private ssh key that signs its commits. Nobody else may read it.") {
                $0.signingKeyFile = $1
            },
        ])

    private static let verify = Shape<CommitVerification>.object(
        CommitVerification(),
        fields: [
            Field(
                "commits", .choice(of: "value"),
                "signed: the commit that is read, or its tag, is signed by an allowed key.",
                isRequired: true
            ) { $0.commits = $1 },
            Field("allowedSigners", .string(), "A file of ssh's allowed signers: ADDRESS KEY-TYPE KEY a line.") {
                $0.keys = .allowedSigners($1)
            },
            Field("gpgKeyring", .string(), "A file of OpenPGP keys, made by gpg --export KEY > FILE.") {
                $0.keys = .gpgKeyring($1)
            },
        ], rules: [.exactlyOne(["allowedSigners", "gpgKeyring"])])

    private static let webhooks = Shape<String>.object(
        "",
        fields: [
            Field(
                "secretFile", .string(),
                "A file with the secret that is set at the git server's webhook too. Nobody else may read it.",
                isRequired: true
            ) { $0 = $1 }
        ])

    private static let author = Shape<String>.string(atMost: 255).map { text, node, reading -> String? in
        guard text.wholeMatch(of: #/[^<>\n]*[^<>\s][^<>\n]*<[^<>\s]+>/#) != nil else {
            reading.report(
                "must be 'NAME <ADDRESS>'", at: node.place, suggestion: "such as '\(WriteBack.defaultAuthor)'")
            return nil
        }
        return text
    }

    private static let reference = Shape<ProjectReference>.object(
        .branch("main"),
        fields: [
            Field("branch", .string(atMost: 255), "The branch's latest commit.") { $0 = .branch($1) },
            Field("tag", .string(atMost: 255), "The commit of a tag.") { $0 = .tag($1) },
            Field("semver", .string(atMost: 255), "The highest tag in a range of versions.") { $0 = .semver($1) },
            Field("commit", commit, "One fixed commit.") { $0 = .commit($1) },
        ], rules: [.exactlyOne(["branch", "tag", "semver", "commit"])])

    /// Read as text, because a commit id may consist of digits only.
    private static let commit = Shape<String>.text(atMost: 64).map { text, node, reading -> String? in
        guard [40, 64].contains(text.utf8.count), text.utf8.allSatisfy(isHexDigit) else {
            reading.report("must be a full commit id: 40 hex digits", at: node.place)
            return nil
        }
        return text.lowercased()
    }

    @Sendable private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
