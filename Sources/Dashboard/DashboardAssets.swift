import Foundation

/// The files that pages load, all from the controller itself.
package enum DashboardAssets {
    package struct File: Sendable {
        package var name: String
        package var type: String
        package var bytes: [UInt8]
    }

    package static let files = [
        File(name: "dashboard.css", type: "text/css; charset=utf-8", bytes: PackageResources.dashboard_css),
        File(name: "dashboard.js", type: "text/javascript; charset=utf-8", bytes: PackageResources.dashboard_js),
        File(name: "icon.svg", type: "image/svg+xml", bytes: PackageResources.icon_svg),
    ]

    package static func file(named name: String) -> File? { files.first { $0.name == name } }

    /// Changes with the files, so that a browser never uses files of another version of mlctl.
    package static let version: String = {
        // FNV-1a, 64 bits: it tells versions apart, and protects nothing.
        let hash = files.flatMap(\.bytes).reduce(into: UInt64(0xcbf2_9ce4_8422_2325)) { hash, byte in
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return String(hash, radix: 36)
    }()

    package static let style = String(decoding: PackageResources.dashboard_css, as: UTF8.self)

    /// What a drawing needs where it stands alone: the light colours.
    static let drawingStyle = Palette.light.drawingStyle
}
