import Presentation

/// The findings of `mlctl doctor` as text. Findings that are ok come first, so that problems are next to the prompt.
enum DoctorText {
    private static let order: [Finding.Severity] = [.ok, .notApplicable, .notLookedAt, .warning, .problem]

    static func lines(_ diagnosis: Diagnosis, on canvas: Canvas) -> [String] {
        let width = (diagnosis.findings.map(\.check.rawValue.columns).max() ?? 0) + 2
        let words = (order.map { word($0).columns }.max() ?? 0) + 2
        let found = order.flatMap { severity in
            diagnosis.findings.filter { $0.severity == severity }.flatMap { lines($0, words, width, canvas) }
        }
        return found + ["", summary(diagnosis, canvas)]
    }

    private static func lines(_ finding: Finding, _ words: Int, _ width: Int, _ canvas: Canvas) -> [String] {
        let margin = words + width
        let narrow = Canvas(width: canvas.width.map { max(20, $0 - margin) })
        let name = finding.check.rawValue
        let head =
            canvas.paint(word(finding.severity), tone(finding.severity))
            + blanks(words - word(finding.severity).columns) + name + blanks(width - name.columns)
        let message = narrow.wrapped(finding.message.printable)
        let advice = finding.advice.map { narrow.wrapped("-> " + $0.printable) } ?? []
        return [head + message[0]] + (message.dropFirst() + advice).map { blanks(margin) + $0 }
    }

    private static func summary(_ diagnosis: Diagnosis, _ canvas: Canvas) -> String {
        let counts = order.reversed().map { severity -> String in
            let count = diagnosis.count(severity)
            switch severity {
            case .problem: return count.counted("problem")
            case .warning: return count.counted("warning")
            case .notLookedAt: return "\(count) not checked"
            case .notApplicable: return "\(count) not applicable"
            case .ok: return "\(count) ok"
            }
        }
        let worst = order.last { diagnosis.count($0) > 0 } ?? .ok
        return canvas.paint(counts.joined(separator: ", "), tone(worst))
    }

    private static func word(_ severity: Finding.Severity) -> String {
        switch severity {
        case .ok: "ok"
        case .notApplicable: "-"
        case .notLookedAt: "not checked"
        case .warning: "warning"
        case .problem: "PROBLEM"
        }
    }

    private static func tone(_ severity: Finding.Severity) -> Tone {
        switch severity {
        case .ok: .good
        case .notApplicable: .faint
        case .notLookedAt: .active
        case .warning: .warning
        case .problem: .bad
        }
    }

    private static func blanks(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }
}
