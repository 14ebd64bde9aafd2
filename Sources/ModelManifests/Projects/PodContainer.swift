/// A container of a pod template, as far as a policy looks at it.
struct PodContainer {
    enum List: String, CaseIterable { case containers, initContainers, ephemeralContainers }

    var list: List
    /// In its list.
    var index: Int
    var name: String
    /// As written: null stands for what is taken away.
    var fields: [String: JSONValue]

    /// All of a template, list by list.
    static func all(of template: JSONValue?) -> [PodContainer] {
        let spec = template?.member("spec")
        return List.allCases.flatMap { list in
            (spec?.member(list.rawValue)).elements.enumerated().map { index, container in
                var name = ""
                if case .string(let text)? = container.member("name") { name = text }
                return PodContainer(list: list, index: index, name: name, fields: container.members)
            }
        }
    }

    /// In the template.
    var path: [PathElement] { [.field("spec"), .field(list.rawValue), .index(index)] }

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

    /// Names in `env`, with their places in it.
    var variables: [(name: String, index: Int)] {
        fields["env"].elements.enumerated().compactMap { index, variable in
            if case .string(let name)? = variable.member("name") { (name, index) } else { nil }
        }
    }

    /// Each volume that is mounted, by its name, with the folder that it is seen in.
    var mounts: [(volume: String, folder: [Substring], index: Int)] {
        fields["volumeMounts"].elements.enumerated().map { index, mount in
            var volume = ""
            if case .string(let name)? = mount.member("name") { volume = name }
            guard case .string(let path)? = mount.member("mountPath") else { return (volume, [], index) }
            return (volume, Self.folder(path), index)
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

extension JSONValue {
    /// A field of an object; nil where there is none, or where this is none.
    func member(_ name: String) -> JSONValue? { if case .object(let fields) = self { fields[name] } else { nil } }

    /// Of an object; none of anything else.
    var members: [String: JSONValue] { if case .object(let fields) = self { fields } else { [:] } }
}

extension JSONValue? {
    /// Of a list; none of anything else.
    var elements: [JSONValue] { if case .array(let items)? = self { items } else { [] } }
}
