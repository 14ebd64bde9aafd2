import SafeText

/// The fields of `projects:` in the controller's settings.
enum ProjectFields {
    static let projectLimit = 1000
    private static let portRangeLimit = 100
    private static let programLimit = 500

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

    // MARK: Policy

    static let policy = Shape<ProjectPolicy>.object(
        ProjectPolicy(),
        fields: [
            Field(
                "namespaces", nonEmpty(.list(namespace, count: 0...500)),
                "The namespaces that it may use; '*' stands for any characters."
            ) {
                $0.namespaces = $1
            },
            Field(
                "targets", nonEmpty(.list(target, count: 0...100)),
                "Where it may serve: {kind: local}, {kind: kubernetes, cluster: prod}."
            ) {
                $0.targets = $1
            },
            Field("endpointPorts", ports, "Ports of this machine that it may use: 9000-9099, or a list of ranges.") {
                $0.endpointPorts = $1
            },
            Field(
                "endpointAddresses", nonEmpty(.list(EndpointTLSFields.address, count: 0...100)),
                "IP addresses besides the loopback that endpoints may listen on. Default: none."
            ) { $0.endpointAddresses = $1 },
            Field(
                "endpointFiles", nonEmpty(.list(folder, count: 0...100)),
                "Folders of this machine below which the files of endpoint.tls must be: /etc/mlctl/tls/."
            ) { $0.endpointFiles = $1 },
            Field(
                "runtimes", nonEmpty(.list(.dnsLabel, count: 0...500)),
                "The presets and ServingRuntimes that it may use, by name."
            ) {
                $0.runtimes = $1
            },
            Field("commands", commands, "deny, or a list of programs and images that manifests may start.") {
                $0.commands = $1
            },
            Field(
                "modelSources", nonEmpty(.list(root, count: 0...500)),
                "Where its models may come from: s3://bucket/, file:/srv/models/."
            ) {
                $0.modelSources = $1
            },
            Field("secrets", .list(secret, count: 0...500), "Names of the secrets that it may use.") {
                $0.secrets = $1
            },
            Field("serviceAccounts", .list(.dnsSubdomain, count: 0...500), "The ServiceAccounts that its pods may use.")
            {
                $0.serviceAccounts = $1
            },
            Field("podSecurity", .choice(of: "level"), "The Pod Security Standard that its pods must meet.") {
                $0.podSecurity = $1
            },
            Field("limits", limits, "deployments, replicas, cpu, memory and devices of the whole project.") {
                $0.limits = $1
            },
        ], check: PolicyContradictions.check)

    private static func nonEmpty<Element>(_ list: Shape<[Element]>) -> Shape<[Element]> {
        list.map { values, node, reading in
            // A wrong entry is reported at its own place.
            if values.isEmpty, case .sequence(let items) = node.content, items.isEmpty {
                reading.report(
                    "is empty, so it allows nothing", at: node.place,
                    suggestion: "list what is allowed, or leave the field out to allow all")
            }
            return values
        }
    }

    private static let namespace = Shape<String>.string(atMost: 63).map { text, node, reading -> NamePattern? in
        let filled = text.replacing("*", with: "a")
        guard NameRules.isDNSLabel(filled) else {
            reading.report(
                "'\(text.shortened)' matches no namespace: use lower-case letters, digits, '-' and '*'", at: node.place)
            return nil
        }
        return NamePattern(text)
    }

    private static let secret = Shape<String>.string(atMost: 253).map { text, node, reading -> String? in
        guard !NameRules.isShortName(text), !NameRules.isDNSSubdomain(text) else { return text }
        reading.report(
            "'\(text.shortened)' is not the name of a secret: use letters, digits, '-', '_' and '.', with a letter or digit at both "
                + "ends", at: node.place, suggestion: "write only the name, without a folder")
        return nil
    }

    private static let folder = Shape<String>.string(atMost: 4096).map { text, node, reading -> ModelSourceRoot? in
        guard text.hasPrefix("/"), let root = ModelSourceRoot("file:" + text) else {
            reading.report(
                "'\(text.shortened)' is not an absolute folder", at: node.place, suggestion: "such as /etc/mlctl/tls/")
            return nil
        }
        return root
    }

    private static let target = Shape<TargetRule>.object(
        TargetRule(.local),
        fields: [
            Field("kind", .choice(of: "target"), "local: this machine; kubernetes: a cluster.", isRequired: true) {
                $0.kind = $1
            },
            Field("cluster", .dnsLabel, "A cluster of the settings. Default: any.") { $0.cluster = $1 },
        ],
        check: { target, node, reading in
            if target.kind == .local, target.cluster != nil, node["kind"]?.text == "local" {
                reading.report("can only be used with kind: kubernetes", field: "cluster", of: node)
            }
        })

    /// One range, or a list of them.
    private static let ports = Shape<[ClosedRange<Int>]>(
        read: { node, reading in
            guard case .sequence(let items) = node.content else { return range(node, &reading).map { [$0] } }
            if items.isEmpty {
                reading.report("is empty, so it allows nothing", at: node.place, suggestion: "such as 9000-9099")
            }
            guard isShort(items, portRangeLimit, node, &reading) else { return nil }
            var ranges: [ClosedRange<Int>] = []
            for (index, item) in items.enumerated() {
                reading.enter(.index(index))
                if let range = range(item, &reading) { ranges.append(range) }
                reading.leave()
            }
            return ranges
        }, canonical: { $0.json }, schema: { ["type": ["string", "integer", "array"]] })

    @Sendable private static func range(_ node: SourceNode, _ reading: inout DocumentReading) -> ClosedRange<Int>? {
        let ends = node.text?.split(separator: "-", omittingEmptySubsequences: false).map { Int($0.trimmed) } ?? []
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, (1...2).contains(ends.count),
            (1...65_535).contains(first), (1...65_535).contains(last)
        else {
            reading.report(
                "must be ports from 1 to 65535, not \(node.shownInMessages)", at: node.place,
                suggestion: "such as 9000-9099")
            return nil
        }
        guard first <= last else {
            reading.report(
                "\(first) is above \(last), so no port is allowed", at: node.place, suggestion: "\(last)-\(first)")
            return nil
        }
        return first...last
    }

    /// A list that is too long is refused, because a shortened rule would differ from what its author reads.
    @Sendable private static func isShort(
        _ items: [SourceNode], _ limit: Int, _ node: SourceNode, _ reading: inout DocumentReading
    ) -> Bool {
        if items.count <= limit { return true }
        reading.report("has \(items.count) entries; at most \(limit) are allowed", at: node.place)
        return false
    }

    /// `deny`, `any`, or a list of programs.
    private static let commands = Shape<ProjectPolicy.Commands>(
        read: { node, reading in
            switch node.text {
            case "deny": return .deny
            case "any": return .any
            default: break
            }
            guard case .sequence(let items) = node.content else {
                reading.report(
                    "must be deny, any, or a list of programs, not \(node.shownInMessages)", at: node.place,
                    suggestion: "such as [/usr/bin/python3]")
                return nil
            }
            guard isShort(items, programLimit, node, &reading) else { return nil }
            let programs = Shape<String>.string()
            var names: [String] = []
            for (index, item) in items.enumerated() {
                reading.enter(.index(index))
                if let name = programs.read(item, &reading) { names.append(name) }
                reading.leave()
            }
            return items.isEmpty ? .deny : .only(names)
        }, canonical: { $0.json }, schema: { ["type": ["string", "array"]] })

    private static let root = Shape<String>.string().map { text, node, reading -> ModelSourceRoot? in
        if let root = ModelSourceRoot(text) {
            if let problem = root.problem {
                reading.report(problem.message, at: node.place, suggestion: problem.suggestion)
            }
            return root
        }
        guard UserInfo.of(text) == nil else {
            reading.report(UserInfo.problem, at: node.place, suggestion: "take it out: no model's address may hold one")
            return nil
        }
        reading.report(
            "'\(text.shortened)' is not a place that models can come from", at: node.place,
            suggestion: "such as s3://bucket/path/, https://models.example.com/ or file:/srv/models/")
        return nil
    }

    private static let limits = Shape<[String: Quantity]>.dictionary(.quantity, count: 64).map {
        quantities, node, reading -> ProjectLimits? in
        var limits = ProjectLimits()
        for (name, quantity) in quantities.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "deployments": limits.deployments = count(quantity, name, node, &reading)
            case "replicas": limits.replicas = count(quantity, name, node, &reading)
            case "cpu":
                limits.resources.cpuMillicores = quantity.whole(perUnit: 1000)
                if limits.resources.cpuMillicores.map({ $0 < 1 }) ?? true { allowsNothing(name, node, &reading) }
            case "memory":
                limits.resources.memoryBytes = quantity.whole().map(Int64.init)
                if limits.resources.memoryBytes.map({ $0 < 1 }) ?? true { allowsNothing(name, node, &reading) }
            case _ where name.contains("/") || name == "ephemeral-storage" || name.hasPrefix("hugepages-"):
                guard let amount = quantity.whole() else {
                    reading.report("must be a whole number", field: name, of: node)
                    continue
                }
                limits.resources.extended[name] = amount
            default:
                let names = ["deployments", "replicas", "cpu", "memory", "ephemeral-storage"]
                reading.report(
                    "unknown limit '\(name.shortened)'", field: name, of: node,
                    suggestion: DidYouMean.nearest(to: name, among: names).map { "did you mean '\($0)'?" }
                        ?? "use \(names.joined(separator: ", ")), or a device with its domain, such as nvidia.com/gpu")
            }
        }
        return limits
    }

    private static func count(
        _ quantity: Quantity, _ name: String, _ node: SourceNode, _ reading: inout DocumentReading
    ) -> Int? {
        guard let number = quantity.whole(), number <= 1_000_000 else {
            reading.report("must be a whole number, at most 1000000", field: name, of: node)
            return nil
        }
        if number == 0 { allowsNothing(name, node, &reading) }
        return number
    }

    private static func allowsNothing(_ name: String, _ node: SourceNode, _ reading: inout DocumentReading) {
        reading.report(
            "is too small, so it allows nothing", field: name, of: node,
            suggestion: "leave it out to set no limit")
    }
}

/// A project as written, with its node for further checks.
struct WrittenProject: Sendable {
    var project = Project(name: "", repo: "")
    var node = SourceNode(content: .mapping([]), place: SourcePlace(line: 1, column: 1))
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }
}
