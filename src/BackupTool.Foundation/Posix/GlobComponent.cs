using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace BackupTool.Posix;

/// <summary>One component of a <see cref="Glob"/>: what stands between two slashes.</summary>
internal sealed class GlobComponent
{
    /// <summary>One step of the pattern. Literals are bytes; <c>?</c> and classes take a whole character.</summary>
    private readonly record struct Step(StepKind Kind, byte Literal = 0, CharacterClass? Class = null);

    private enum StepKind { Literal, AnyCharacter, Class, AnyRun }

    private sealed record CharacterClass(bool IsNegated, List<(int First, int Last)> Ranges)
    {
        internal bool Holds(int character) => Ranges.Exists(range => range.First <= character && character <= range.Last) != IsNegated;
    }

    private readonly Step[] _steps;
    private readonly byte[]? _literal;

    private GlobComponent(List<Step> steps)
    {
        _steps = [.. steps];
        if (steps.TrueForAll(static step => step.Kind == StepKind.Literal)) _literal = [.. steps.Select(static step => step.Literal)];
    }

    internal static bool TryParse(ReadOnlySpan<byte> text, [NotNullWhen(true)] out GlobComponent? component, [NotNullWhen(false)] out string? problem)
    {
        var steps = new List<Step>();
        component = null;
        problem = null;
        for (int at = 0; at < text.Length && problem is null;)
        {
            switch (text[at])
            {
                case (byte)'*':
                    at++;
                    if (steps is not [.., { Kind: StepKind.AnyRun }]) steps.Add(new Step(StepKind.AnyRun));
                    break;
                case (byte)'?':
                    at++;
                    steps.Add(new Step(StepKind.AnyCharacter));
                    break;
                case (byte)'[':
                    if (ReadClass(text, ref at) is { } characters) steps.Add(new Step(StepKind.Class, Class: characters));
                    else problem = "has a `[` without its `]`, or a range that ends before it begins";
                    break;
                case (byte)'\\':
                    if (TryReadEscape(text, ref at, out byte literal)) steps.Add(new Step(StepKind.Literal, literal));
                    else problem = "has a `\\` with nothing after it, or a `\\x` without two hexadecimal digits that are not 00";
                    break;
                default:
                    steps.Add(new Step(StepKind.Literal, text[at++]));
                    break;
            }
        }
        if (problem is not null) return false;
        component = new GlobComponent(steps);
        return true;
    }

    /// <summary>Whether the whole name matches.</summary>
    internal bool IsMatch(ReadOnlySpan<byte> name)
    {
        if (_literal is not null) return name.SequenceEqual(_literal);
        int step = 0, at = 0, starStep = -1, starAt = 0;
        while (at < name.Length)
        {
            if (step < _steps.Length && _steps[step].Kind == StepKind.AnyRun)
            {
                starStep = step++;
                starAt = at;
            }
            else if (step < _steps.Length && Takes(_steps[step], name[at..], out int taken))
            {
                step++;
                at += taken;
            }
            else if (starStep >= 0)
            {
                _ = ReadCharacter(name[starAt..], out int skipped);
                at = starAt += skipped;
                step = starStep + 1;
            }
            else return false;
        }
        while (step < _steps.Length && _steps[step].Kind == StepKind.AnyRun) step++;
        return step == _steps.Length;
    }

    private static bool Takes(in Step step, ReadOnlySpan<byte> name, out int taken)
    {
        taken = 1;
        if (step.Kind == StepKind.Literal) return name[0] == step.Literal;
        int character = ReadCharacter(name, out taken);
        return step.Class is null || step.Class.Holds(character);
    }

    /// <summary>The code point at the start, or 0x110000 + the byte where there is none.</summary>
    private static int ReadCharacter(ReadOnlySpan<byte> name, out int length)
    {
        if (Rune.DecodeFromUtf8(name, out Rune rune, out length) == OperationStatus.Done) return rune.Value;
        length = 1;
        return 0x110000 + name[0];
    }

    private static CharacterClass? ReadClass(ReadOnlySpan<byte> text, ref int at)
    {
        at++;
        bool negated = at < text.Length && text[at] is (byte)'!' or (byte)'^';
        if (negated) at++;
        var ranges = new List<(int, int)>();
        for (bool first = true; at < text.Length; first = false)
        {
            if (text[at] == (byte)']' && !first)
            {
                at++;
                return new CharacterClass(negated, ranges);
            }
            if (ReadClassMember(text, ref at) is not { } from) return null;
            int to = from;
            if (at + 1 < text.Length && text[at] == (byte)'-' && text[at + 1] != (byte)']')
            {
                at++;
                if (ReadClassMember(text, ref at) is not { } last || last < from) return null;
                to = last;
            }
            ranges.Add((from, to));
        }
        return null;
    }

    private static int? ReadClassMember(ReadOnlySpan<byte> text, ref int at)
    {
        if (text[at] == (byte)'\\')
        {
            if (at + 1 < text.Length && text[at + 1] == (byte)'x')
                return !TryReadEscape(text, ref at, out byte literal) ? null : literal < 0x80 ? literal : 0x110000 + literal;
            if (++at >= text.Length) return null;
        }
        int character = ReadCharacter(text[at..], out int length);
        at += length;
        return character;
    }

    /// <summary>Reads <c>\x41</c> as a byte, and a backslash before anything else as nothing: the next byte then stands for itself.</summary>
    private static bool TryReadEscape(ReadOnlySpan<byte> text, ref int at, out byte literal)
    {
        literal = 0;
        if (++at >= text.Length) return false;
        if (text[at] != (byte)'x')
        {
            literal = text[at++];
            return true;
        }
        ReadOnlySpan<byte> digits = text[(at + 1)..];
        if (digits.Length < 2 || !byte.TryParse(digits[..2], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out literal) || literal == 0) return false;
        at += 3;
        return true;
    }
}
