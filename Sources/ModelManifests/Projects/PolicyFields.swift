import SafeText

/// The fields of `policy:` of a project.
extension ProjectFields {
    private static let portRangeLimit = 100
    private static let programLimit = 500

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
