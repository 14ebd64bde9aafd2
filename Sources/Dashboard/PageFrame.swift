import Foundation
import Presentation

/// What every page shows around its content.
package struct PageFrame: Sendable {
    package var title: String
    /// The way from the page to the dashboard's first page: `./`, or `../` for each folder.
    package var root: String
    package var version = DashboardAssets.version
    package var viewer: Viewer?
    /// What the page's script listens to; nil for a page that does not change.
    package var live: Live?
    package var notice: Notice?
    /// When the page was made, in UTC.
    package var clock: String
    package var at: String

    package init(
        title: String, root: String, viewer: Viewer?, now: Date, live: Live? = nil, notice: Notice? = nil
    ) {
        self.title = title
        self.root = root
        self.viewer = viewer
        self.live = live
        self.notice = notice
        at = RelativeTime.clock(now)
        clock = String(at.dropFirst(11).dropLast(1))
    }

    /// The signed-in person or program.
    package struct Viewer: Sendable {
        package var name: String
        package var role: String
        package var csrf: String
        /// Why this viewer can press nothing; nil for those who can act.
        package var actRefusal: String?

        package init(name: String, role: String, csrf: String, actRefusal: String?) {
            self.name = name
            self.role = role
            self.csrf = csrf
            self.actRefusal = actRefusal
        }
    }

    package struct Live: Sendable {
        /// The address of the events, from the dashboard's first page.
        package var events: String
        package var everySeconds: Int

        package init(events: String, everySeconds: Int) {
            self.events = events
            self.everySeconds = everySeconds
        }
    }

    /// A message at the top of the page.
    package struct Notice: Sendable {
        package var tone: String
        package var text: String

        package init(tone: Mark, text: String) {
            self.tone = tone.rawValue
            self.text = text
        }
    }

    /// The way up from a path such as `/deployments/a/b`: `../../`.
    package static func root(from path: String) -> String {
        let depth = path.dropFirst().count { $0 == "/" }
        return depth == 0 ? "./" : String(repeating: "../", count: depth)
    }
}

/// The meaning of a mark on a page. It has a sign and words beside its colour.
package enum Mark: String, Sendable, CaseIterable {
    case plain, faint, active, good, warning, bad

    package init(_ tone: Tone) {
        self =
            switch tone {
            case .plain, .heading: .plain
            case .faint: .faint
            case .active: .active
            case .good: .good
            case .warning: .warning
            case .bad: .bad
            }
    }

    /// A sign that differs from all others without colour.
    package var sign: String {
        switch self {
        case .plain, .faint: "○"
        case .active: "▸"
        case .good: "✓"
        case .warning: "!"
        case .bad: "✕"
        }
    }
}

/// A mark with its words.
package struct Badge: Sendable {
    package var tone: String
    package var sign: String
    package var words: String

    package init(_ mark: Mark, _ words: String) {
        tone = mark.rawValue
        sign = mark.sign
        self.words = words
    }
}

/// A time: relative for people, exact for machines and tooltips.
package struct Moment: Sendable {
    package var text: String
    package var exact: String

    package init(_ date: Date, now: Date) {
        text = RelativeTime.text(date, now: now)
        exact = RelativeTime.clock(date)
    }
}

/// A label and its value.
package struct Fact: Sendable {
    package var label: String
    package var value: String
    package var tone: String

    package init(_ label: String, _ value: String, _ mark: Mark = .plain) {
        self.label = label
        self.value = value
        tone = mark.rawValue
    }
}
