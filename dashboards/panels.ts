// Grafana's core panels as these dashboards use them. Each function decides everything but what a panel asks and says.
import { type Builder, type Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import * as common from "@grafana/grafana-foundation-sdk/common";
import {
  type DashboardLink,
  DashboardLinkType,
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  SpecialValueMatch,
  type Panel,
  type ThresholdsConfigBuilder,
  type ValueMapping,
} from "@grafana/grafana-foundation-sdk/dashboard";
import * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import { DataqueryBuilder, PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as statushistory from "@grafana/grafana-foundation-sdk/statushistory";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import { DIAGONAL, NO_DATA, PROTOCOLS } from "./colours.ts";

/** A panel that has still to be given its id. */
export type Unnumbered = Builder<Panel> & { id(id: number): Unnumbered };

export interface Query {
  readonly expr: string;
  readonly legend?: string;
}

/** What every panel says, and how much of the grid's 24 columns it takes. */
export interface Look {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly span: number;
  readonly height: number;
}

export const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

const refId = (index: number) => String.fromCharCode(65 + index);

const overTime = ({ expr, legend = "" }: Query, index: number): Builder<Dataquery> =>
  new DataqueryBuilder().refId(refId(index)).datasource(DATASOURCE).expr(expr).legendFormat(legend).range();

const atOnce =
  (format: PromQueryFormat) =>
  ({ expr, legend = "" }: Query, index: number): Builder<Dataquery> =>
    new DataqueryBuilder()
      .refId(refId(index))
      .datasource(DATASOURCE)
      .expr(expr)
      .legendFormat(legend)
      .format(format)
      .instant();

interface Described {
  title(title: string): this;
  description(description: string): this;
  unit(unit: string): this;
  span(width: number): this;
  height(height: number): this;
  datasource(datasource: typeof DATASOURCE): this;
}

const dress = <P extends Described>(panel: P, { title, description, unit, span, height }: Look): P =>
  panel.title(title).description(description).unit(unit).span(span).height(height).datasource(DATASOURCE);

export const colourOf = (color: string): DynamicConfigValue => ({
  id: "color",
  value: { mode: "fixed", fixedColor: color },
});

/** A link on a cell: to a dashboard of ours (with time range, data source and cluster) or to a page. */
export function cellLink(title: string, url: string): DashboardLink {
  return {
    title,
    url,
    type: DashboardLinkType.Link,
    icon: "",
    tooltip: "",
    tags: [],
    asDropdown: false,
    targetBlank: url.startsWith("https:"),
    includeVars: false,
    keepTime: false,
  };
}
/** `variables`: each of the target's from a variable or a macro of here, by its name without `${}`. */
export const toDashboard = (title: string, uid: string, variables: Readonly<Record<string, string>>) =>
  cellLink(
    title,
    `/d/${uid}?${["${__url_time_range}", "${datasource:queryparam}", "${cluster:queryparam}", ...Object.entries(variables).map(([name, value]) => `var-${name}=\${${value}:percentencode}`)].join("&")}`,
  );

/** A range of delays: the mean line, and a band from it up to the largest. */
export interface Band {
  readonly mean: string;
  readonly max: string;
  readonly color: string;
}

export interface SeriesOptions extends Look {
  readonly queries: readonly Query[];
  readonly bands?: readonly Band[];
  /** Lines are named `network protocol`, and drawn as such. */
  readonly byProtocol?: boolean;
  /** Colours of lines by their legend. */
  readonly colours?: Readonly<Record<string, string>>;
  readonly steps?: ThresholdsConfigBuilder;
  readonly max?: number;
  readonly links?: readonly DashboardLink[];
}

export function series(options: SeriesOptions): timeseries.PanelBuilder {
  const { queries, bands = [], byProtocol = false, colours = {}, max, links = [] } = options;
  const panel = dress(new timeseries.PanelBuilder(), options)
    .targets(queries.map(overTime))
    .min(0)
    .lineWidth(1)
    .fillOpacity(0)
    .showPoints(common.VisibilityMode.Never)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName))
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.Table)
        .placement(common.LegendPlacement.Bottom)
        .calcs(["lastNotNull", "max"]),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    );
  if (max !== undefined) panel.max(max);
  if (options.steps) panel.thresholds(options.steps);
  if (links.length > 0) panel.dataLinks(links.map((link) => ({ build: () => link })));
  for (const [legend, color] of Object.entries(colours)) panel.overrideByName(legend, [colourOf(color)]);
  if (byProtocol) {
    for (const [protocol, color] of Object.entries(PROTOCOLS)) {
      panel.overrideByName(`pod ${protocol}`, [colourOf(color), { id: "custom.lineWidth", value: 2 }]);
      panel.overrideByName(`node ${protocol}`, [
        colourOf(color),
        { id: "custom.lineWidth", value: 2 },
        { id: "custom.lineStyle", value: { fill: "dash", dash: [8, 6] } },
      ]);
    }
  }
  for (const { mean, max: largest, color } of bands) {
    panel.overrideByName(mean, [colourOf(color), { id: "custom.lineWidth", value: 2 }]);
    panel.overrideByName(largest, [
      colourOf(color),
      { id: "custom.lineWidth", value: 0 },
      { id: "custom.fillBelowTo", value: mean },
      { id: "custom.fillOpacity", value: 25 },
    ]);
  }
  return panel;
}

/** One figure a query, at the end of the time range. */
export function figures(
  options: Look & {
    readonly queries: readonly Query[];
    readonly steps: ThresholdsConfigBuilder;
    readonly mappings?: readonly ValueMapping[];
    readonly links?: readonly DashboardLink[];
  },
): stat.PanelBuilder {
  return dress(new stat.PanelBuilder(), options)
    .targets(options.queries.map(atOnce(PromQueryFormat.TimeSeries)))
    .thresholds(options.steps)
    .mappings([...(options.mappings ?? [])])
    .dataLinks((options.links ?? []).map((link) => ({ build: () => link })))
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    .textMode(options.queries.length > 1 ? common.BigValueTextMode.ValueAndName : common.BigValueTextMode.Auto)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]));
}

/** One line a series, time to the right, colour by value. */
export function rowsOverTime(
  options: Look & { readonly query: Query; readonly steps: ThresholdsConfigBuilder },
): statushistory.PanelBuilder {
  return (
    dress(new statushistory.PanelBuilder(), options)
      .withTarget(overTime(options.query, 0))
      .thresholds(options.steps)
      .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
      .showValue(common.VisibilityMode.Never)
      .rowHeight(0.9)
      .colWidth(1)
      // A cell must stay wide enough to point at.
      .maxDataPoints(120)
      .legend(
        new common.VizLegendOptionsBuilder()
          .showLegend(true)
          .displayMode(common.LegendDisplayMode.List)
          .placement(common.LegendPlacement.Bottom),
      )
  );
}

/** Buckets of a histogram over time. */
export function buckets(options: Look & { readonly expr: string }): heatmap.PanelBuilder {
  return dress(new heatmap.PanelBuilder(), options)
    .withTarget(
      new DataqueryBuilder()
        .refId("A")
        .datasource(DATASOURCE)
        .expr(options.expr)
        .legendFormat("{{le}}")
        .format(PromQueryFormat.Heatmap)
        .range(),
    )
    .calculate(false)
    .maxDataPoints(200)
    .color(
      new heatmap.HeatmapColorOptionsBuilder()
        .mode(heatmap.HeatmapColorMode.Scheme)
        .scheme("Blues")
        .scale(heatmap.HeatmapColorScale.Exponential)
        .exponent(0.5)
        .steps(64),
    )
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .yAxis(new heatmap.YAxisConfigBuilder().unit(options.unit))
    .cellValues(new heatmap.CellValuesBuilder().unit("short"))
    .tooltip(
      new heatmap.HeatmapTooltipBuilder().mode(common.TooltipDisplayMode.Single).yHistogram(true).showColorScale(true),
    );
}

const tableOf = (look: Look) =>
  dress(new table.PanelBuilder(), look).cellHeight(common.TableCellHeight.Sm).align(common.FieldTextAlignment.Auto);
const colouredCells = (): common.TableColoredBackgroundCellOptions => ({
  ...common.defaultTableColoredBackgroundCellOptions(),
  mode: common.TableCellBackgroundDisplayMode.Basic,
});

/** What a matrix shows where there is no plain value. */
export interface Special {
  readonly value: number;
  readonly text: string;
  readonly color: string;
}
/** Value of a cell where a row meets itself. Not a ratio and not a delay. */
export const SELF: Special = { value: -1, text: "—", color: DIAGONAL };

export interface MatrixOptions extends Look {
  readonly expr: string;
  readonly row: string;
  readonly column: string;
  /** Over the column of row names, and how wide that is: the others share what is left. */
  readonly corner: string;
  readonly cornerWidth: number;
  readonly steps: ThresholdsConfigBuilder;
  readonly specials?: readonly Special[];
  readonly cellLinks: readonly DashboardLink[];
  readonly rowLinks: readonly DashboardLink[];
}

/**
 * Rows and columns of one instant answer. groupingToMatrix takes both in the order in which they first appear, so the
 * answer is sorted by column before it and by row after it. A cell nobody measured would be painted like zero: null has a
 * colour of its own.
 */
export function matrix(options: MatrixOptions): Unnumbered {
  const { expr, row, column, corner, cornerWidth, steps, specials = [], cellLinks, rowLinks } = options;
  const header = `${row}\\${column}`;
  const panel = tableOf(options)
    .withTarget(atOnce(PromQueryFormat.Table)({ expr }, 0))
    .withTransformation({ id: "sortBy", options: { fields: {}, sort: [{ field: column }] } })
    .withTransformation({
      id: "groupingToMatrix",
      options: { rowField: row, columnField: column, valueField: "Value", emptyValue: "null" },
    })
    .withTransformation({ id: "sortBy", options: { fields: {}, sort: [{ field: header }] } })
    .thresholds(steps)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .cellOptions(colouredCells())
    .align(common.FieldTextAlignment.Center)
    .minWidth(80)
    .mappings([
      {
        type: MappingType.SpecialValue,
        options: { match: SpecialValueMatch.NullAndNan, result: { text: "no data", color: NO_DATA, index: 0 } },
      },
      {
        type: MappingType.ValueToText,
        options: Object.fromEntries(
          specials.map(({ value, text, color }, index) => [String(value), { text, color, index: index + 1 }]),
        ),
      },
    ])
    .dataLinks(cellLinks.map((link) => ({ build: () => link })))
    // Names of nodes are longer than a cell is wide. Since Grafana 12.1; before, a name is cut and whole when pointed at.
    .overrideByRegexp(".*", [{ id: "custom.wrapHeaderText", value: true }])
    .overrideByName(header, [
      { id: "displayName", value: corner },
      { id: "custom.cellOptions", value: { type: "auto" } },
      { id: "custom.align", value: "left" },
      { id: "custom.width", value: cornerWidth },
      { id: "links", value: rowLinks },
    ]);
  return withFrozenColumn(panel);
}

/** The first column stays in sight however far one scrolls, in Grafana 12.2 and newer; the SDK has no word for it yet. */
function withFrozenColumn(panel: table.PanelBuilder): Unnumbered {
  const frozen: Unnumbered = {
    id(id) {
      panel.id(id);
      return frozen;
    },
    build() {
      const built = panel.build();
      return { ...built, options: { ...(built.options as table.Options), frozenColumns: { left: 1 } } };
    },
  };
  return frozen;
}

/** A column of a list: one query, whose value goes under `name`. */
export interface Column extends Query {
  readonly name: string;
  readonly unit: string;
  readonly steps?: ThresholdsConfigBuilder;
  readonly mappings?: readonly ValueMapping[];
}

export interface ListOptions extends Look {
  /** Labels that name a line, with their headings, in order. */
  readonly keys: Readonly<Record<string, string>>;
  readonly columns: readonly Column[];
  /** Heading of the column by which lines are sorted, largest first. */
  readonly sortedBy: string;
  /** By label. */
  readonly links?: Readonly<Record<string, readonly DashboardLink[]>>;
  /** What to show in place of a label's value, by label and value. */
  readonly texts?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Lines that carry one value a query, side by side. */
export function list(options: ListOptions): table.PanelBuilder {
  const { keys, columns, sortedBy, links = {}, texts = {} } = options;
  const valueOf = (index: number) => (columns.length > 1 ? `Value #${refId(index)}` : "Value");
  const names = { ...keys, ...Object.fromEntries(columns.map(({ name }, index) => [valueOf(index), name])) };
  const order = [...Object.keys(keys), ...columns.map((_, index) => valueOf(index))];
  const panel = tableOf(options)
    .targets(columns.map(atOnce(PromQueryFormat.Table)))
    .minWidth(90)
    .transformations([
      // Lines are joined by all they have in common: a time that differs would keep them apart.
      { id: "filterFieldsByName", options: { exclude: { names: ["Time"] } } },
      ...(columns.length > 1 ? [{ id: "merge", options: {} }] : []),
      {
        id: "organize",
        options: {
          excludeByName: {},
          indexByName: Object.fromEntries(order.map((name, index) => [name, index])),
          renameByName: names,
        },
      },
    ])
    .sortBy([new common.TableSortByFieldStateBuilder().displayName(sortedBy).desc(true)])
    .mappings([
      {
        type: MappingType.SpecialValue,
        options: { match: SpecialValueMatch.NullAndNan, result: { text: "–", color: NO_DATA, index: 0 } },
      },
    ]);
  columns.forEach(({ name, unit, steps, mappings }) =>
    panel.overrideByName(name, [
      { id: "unit", value: unit },
      ...(steps
        ? [
            { id: "thresholds", value: steps.build() },
            { id: "color", value: { mode: "thresholds" } },
            { id: "custom.cellOptions", value: colouredCells() },
          ]
        : []),
      ...(mappings ? [{ id: "mappings", value: mappings }] : []),
    ]),
  );
  for (const [label, heading] of Object.entries(keys)) {
    const properties: DynamicConfigValue[] = [];
    if (links[label]) properties.push({ id: "links", value: links[label] });
    if (texts[label])
      properties.push({
        id: "mappings",
        value: [
          {
            type: MappingType.ValueToText,
            options: Object.fromEntries(
              Object.entries(texts[label]).map(([value, text], index) => [value, { text, index }]),
            ),
          },
        ],
      });
    if (properties.length > 0) panel.overrideByName(heading, properties);
  }
  return panel;
}
