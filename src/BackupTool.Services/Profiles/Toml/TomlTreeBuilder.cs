using Tomlyn.Syntax;

namespace BackupTool.Services.Profiles.Toml;

/// <summary>Turns the parser's syntax tree into tables, and finds what is set twice.</summary>
internal sealed class TomlTreeBuilder
{
    private readonly HashSet<TomlTable> _headed = new(ReferenceEqualityComparer.Instance);

    internal List<TomlProblem> Problems { get; } = [];

    internal void Fill(TomlTable root, DocumentSyntax syntax)
    {
        foreach (KeyValueSyntax pair in syntax.KeyValues) AddPair(root, pair);
        foreach (TableSyntaxBase table in syntax.Tables)
        {
            if (table.Name is null) continue;
            TomlTable? target = table is TableArraySyntax ? OpenArrayItem(root, table.Name) : OpenTable(root, table.Name);
            if (target is null) continue;
            foreach (KeyValueSyntax pair in table.Items) AddPair(target, pair);
        }
    }

    private TomlTable? OpenTable(TomlTable root, KeySyntax name)
    {
        if (Descend(root, Parts(name)) is not { } table) return null;
        if (_headed.Add(table)) return table;
        Problems.Add(new TomlProblem(DottedPlace(name), $"the table [{Joined(name)}] is there twice; the first is at {table.Place}"));
        return null;
    }

    /// <summary><c>[[a.b]]</c>: an array that every such heading gives one more table.</summary>
    private TomlTable? OpenArrayItem(TomlTable root, KeySyntax name)
    {
        List<(string Key, TextPlace Place)> parts = Parts(name);
        if (Descend(root, parts[..^1]) is not { } table) return null;
        (string last, TextPlace at) = parts[^1];
        var item = new TomlTable(at);
        if (table.Find(last) is not { } existing) table.Add(new TomlEntry(last, at, new TomlArray(new List<TomlNode> { item }, at)));
        else if (existing.Value is TomlArray { Items: List<TomlNode> items }) items.Add(item);
        else
        {
            AddTwice(last, at, existing);
            return null;
        }
        return item;
    }

    private TomlTable? Descend(TomlTable table, List<(string Key, TextPlace Place)> parts)
    {
        foreach ((string key, TextPlace place) in parts)
        {
            if (Descend(table, key, place) is not { } inner) return null;
            table = inner;
        }
        return table;
    }

    private TomlTable? Descend(TomlTable table, string key, TextPlace place)
    {
        switch (table.Find(key))
        {
            case { Value: TomlTable inner }: return inner;
            case { Value: TomlArray { Items: [.., TomlTable last] } }: return last;
            case { } existing:
                AddTwice(key, place, existing);
                return null;
        }
        var created = new TomlTable(place);
        table.Add(new TomlEntry(key, place, created));
        return created;
    }

    private void AddPair(TomlTable table, KeyValueSyntax pair)
    {
        if (pair.Key is null || pair.Value is null) return;   // the parser has said so
        List<(string Key, TextPlace Place)> parts = Parts(pair.Key);
        if (Descend(table, parts[..^1]) is not { } target) return;
        (string last, TextPlace at) = parts[^1];
        if (target.Find(last) is { } existing) AddTwice(last, at, existing);
        else target.Add(new TomlEntry(last, at, Read(pair.Value)));
    }

    private TomlNode Read(ValueSyntax value)
    {
        TextPlace place = TomlDocument.PlaceOf(value.Span.Start);
        switch (value)
        {
            case StringValueSyntax text: return new TomlText(text.Value ?? "", place);
            case ArraySyntax array:
                // An array, not a list: a later [[heading]] must not add to it.
                return new TomlArray(array.Items.Where(static item => item.Value is not null).Select(item => Read(item.Value!)).ToArray(), place);
            case InlineTableSyntax inline:
                var table = new TomlTable(place);
                foreach (InlineTableItemSyntax item in inline.Items)
                    if (item.KeyValue is not null) AddPair(table, item.KeyValue);
                _headed.Add(table);
                return table;
            default:
                return new TomlOther(value.Kind switch
                {
                    SyntaxKind.Integer or SyntaxKind.Float => "a number",
                    SyntaxKind.Boolean => "a truth value",
                    _ => "a date or time",
                }, place)
                {
                    WholeNumber = (value as IntegerValueSyntax)?.Value,
                    IsTrue = value is BooleanValueSyntax { Value: true },
                };
        }
    }

    private void AddTwice(string key, TextPlace place, TomlEntry existing) =>
        Problems.Add(new TomlProblem(place, $"`{key}` is set twice; the first is at {existing.KeyPlace}"));

    private static TextPlace DottedPlace(KeySyntax name) => TomlDocument.PlaceOf(name.Span.Start);

    private static string Joined(KeySyntax name) => string.Join('.', Parts(name).Select(static part => part.Key));

    private static List<(string Key, TextPlace Place)> Parts(KeySyntax name)
    {
        var parts = new List<(string, TextPlace)>();
        Add(name.Key);
        foreach (DottedKeyItemSyntax item in name.DotKeys) Add(item.Key);
        return parts;

        void Add(BareKeyOrStringValueSyntax? key) => parts.Add((
            key switch { BareKeySyntax bare => bare.Key?.Text ?? "", StringValueSyntax text => text.Value ?? "", _ => "" },
            TomlDocument.PlaceOf((key ?? (SyntaxNodeBase)name).Span.Start)));
    }
}
