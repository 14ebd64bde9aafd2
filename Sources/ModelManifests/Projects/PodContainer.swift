import JSON

/// A container of a pod template, as far as a policy looks at it.
struct PodContainer {
    enum List: String, CaseIterable { case containers, initContainers, ephemeralContainers }

    var list: List
    var name: String
    /// As written: null stands for what is taken away.
    var fields: [String: JSONValue]

    /// All of a template, list by list.
    static func all(of template: JSONValue?) -> [PodContainer] {
        let spec = template?["spec"]
        return List.allCases.flatMap { list in
            (spec?[list.rawValue]).elements.map { container in
                var name = ""
                if case .string(let text)? = container["name"] { name = text }
                return PodContainer(list: list, name: name, fields: container.members)
            }
        }
    }

    /// The one that a runtime describes.
    var isServer: Bool { list == .containers && name == PodTemplateRules.server }

    /// One that mlctl writes and that no runtime describes: it brings the model's files, verifies or warms them.
    var isOfMlctl: Bool {
        switch list {
        case .containers: !isServer && PodTemplateRules.ownContainers.contains(name)
        case .initContainers: PodTemplateRules.ownInitContainers.contains(name)
        case .ephemeralContainers: false
        }
    }

    /// It goes on beside the server, though it is started before it.
    var isRestartable: Bool { list == .initContainers && fields["restartPolicy"] == .string("Always") }

    var image: String? { if case .string(let image)? = fields["image"] { image } else { nil } }

    /// Names in `env`.
    var variables: [String] {
        fields["env"].elements.compactMap { if case .string(let name)? = $0["name"] { name } else { nil } }
    }

    /// Each volume that is mounted, by its name, with the folder that it is seen in.
    var mounts: [(volume: String, folder: [Substring])] {
        fields["volumeMounts"].elements.map { mount in
            var volume = ""
            if case .string(let name)? = mount["name"] { volume = name }
            guard case .string(let path)? = mount["mountPath"] else { return (volume, []) }
            return (volume, Self.folder(path))
        }
    }

    /// The parts of a path from the root: relative ones begin there too.
    static func folder(_ path: String) -> [Substring] {
        path.split(separator: "/").reduce(into: []) { parts, part in
            switch part {
            case ".": break
            case "..": _ = parts.popLast()
            default: parts.append(part)
            }
        }
    }
}

extension JSONValue? {
    /// Of a list; none of anything else.
    var elements: [JSONValue] { if case .array(let items)? = self { items } else { [] } }
}
